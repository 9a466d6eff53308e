"""The room that knows Snakemake from inside: its graph, its records, its locks, and what every rule gets from here."""
