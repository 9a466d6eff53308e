"""What TRL imports for a server of vLLM's own, which no scale uses: names alone."""
