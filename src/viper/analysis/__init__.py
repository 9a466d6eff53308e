"""From per-item predictions to tables with intervals, claims with verdicts, and figures."""
