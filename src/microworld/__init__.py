"""The drawn world: scenes whose truth is known, and what stands in it for photographs and the official benchmarks."""
