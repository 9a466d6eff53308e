"""How fast the expensive steps are against a plain way of doing them, measured alternately in one run."""
