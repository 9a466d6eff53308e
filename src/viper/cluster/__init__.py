"""Running on a Slurm cluster: what must hold before the first job (docs/cluster.md)."""
