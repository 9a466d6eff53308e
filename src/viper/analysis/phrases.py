"""Phrases that the notes below tables and the captions of figures share."""


def seeds_phrase(n_seeds: int) -> str:
    """What a sentence about intervals adds about seeds."""
    if n_seeds > 1:
        return f" and {n_seeds} seeds"
    return " only (one seed: how training with another would differ is not in them)"
