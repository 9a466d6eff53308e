"""The loop over scripted models."""

from scripted_loop import album, fakes, options, run_loop, seed_rows

__all__ = ["album", "fakes", "options", "run_loop", "seed_rows"]
