"""The reward audited: embedder, threshold, and answers that try to cheat."""
