"""Whether every step fits into the GPUs and machines there are, said before any weight is loaded."""
