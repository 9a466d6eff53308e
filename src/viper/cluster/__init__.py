"""Nodes, GPUs and Slurm: what must hold before the first job, and what jobs get there (docs/cluster.md)."""
