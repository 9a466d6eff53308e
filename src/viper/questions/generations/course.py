"""The rule of the verdict on a loop's course, fixed before it was first measured.

What is judged is one number per arm: the points of accuracy (mean over the benchmarks) after the last generation minus
those after the first. With its interval over items and seeds:

- gain:      the whole interval lies above zero;
- collapse:  the whole interval lies below zero;
- plateau:   it holds zero, and lies wholly between minus the margin and the margin;
- undecided: everything else: with these items and seeds nobody can tell.

It is the rule of `viper.analysis.verdicts` for a claim that may come out equal: where nothing changes, each of the
first two is said in at most (1 - confidence) / 2 of all experiments.
"""

from viper.analysis.verdicts import EQUAL, INCONCLUSIVE, NOT_SUPPORTED, SUPPORTED, verdict

GAIN, PLATEAU, COLLAPSE, UNDECIDED = "gain", "plateau", "collapse", "undecided"
COURSES = {SUPPORTED: GAIN, EQUAL: PLATEAU, NOT_SUPPORTED: COLLAPSE, INCONCLUSIVE: UNDECIDED}


def course(low: float, high: float, margin: float) -> str:
    """How an interval of points is called, with a margin above 0 of points that count as no difference."""
    return COURSES[verdict(low, high, margin, "better or equal")]
