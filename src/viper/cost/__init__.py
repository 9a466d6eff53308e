"""What a run costs, before it starts: hours, disk and the longest path, from the workflow's own list of jobs."""
