"""VLM, painter, editor and embedder behind small interfaces."""
