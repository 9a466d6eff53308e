"""The loop, from seed images to the data sets for caption self-refining (CSR) and visual operations (VOP)."""
