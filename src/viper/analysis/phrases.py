"""Phrases that the notes below tables and the captions of figures share."""


def seeds_phrase(n_seeds: int) -> str:
    """What a sentence about intervals adds about seeds."""
    return f" and {n_seeds} seeds" if n_seeds > 1 else " (one seed)"
