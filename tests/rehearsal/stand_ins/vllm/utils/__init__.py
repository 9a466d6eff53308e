"""Of vLLM's helpers, the module that TRL imports."""
