"""Of vLLM's distributed code, the modules that TRL imports."""
