"""What the paper leaves open: a folder for each question, with its table, its figure and its commands."""
