"""A checkpoint's answers to benchmarks, read and scored by VLMEvalKit, and where its attention lies."""
