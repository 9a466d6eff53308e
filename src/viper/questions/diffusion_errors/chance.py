"""What chance gives: how often the painter's habit would be named if what was named hung on no habit.

Chance permutes what was named among the captions of a family. A model likes to name some kinds, a star or the letter X,
and these are many kinds' habits: permuting keeps how often each kind is there, and how often it was named. Left out are
the permutations that name what is there, for that asks for no change. The others give, in the mean, counts that are
*quasi-independent*: of a kind there and another one named, the product of a factor of either (Goodman, 'The analysis of
cross-classified data', JASA 63, 1968). They are fitted, and no permutation is drawn.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

_SWEEPS, _CLOSE = 1000, 1e-9  # of the fit: at most so many, until margins are met to this share of the namings


def permuted(there: pd.Series, named: pd.Series, habits: Mapping[str, str]) -> np.ndarray:
    """What each naming of one family adds to the hits that chance would give.

    Their sum is that number of hits. Chance rests on the same namings as the hits that are held to it: each naming's
    part is linearized (the weighted regression of 'is the habit' on row and column), so that hits less `permuted` vary
    over the units as the excess does. See `viper.questions.shares.contrast`.

    Args:
        there, named: kinds, one of each per naming, never the same; `named` are all of one family.
        habits: kind there → its habit.

    Returns:
        (namings,) hits.
    """
    counts = pd.crosstab(there, named)
    rows, columns = np.nonzero(counts.index.to_numpy()[:, None] != counts.columns.to_numpy())
    expected = quasi_independent(counts.to_numpy(float), rows, columns)
    effects = np.hstack([np.eye(len(counts))[rows], np.eye(counts.shape[1])[columns]])
    is_habit = counts.columns.to_numpy()[columns] == counts.index.map(habits).to_numpy()[rows]
    weights = np.sqrt(expected)
    fitted = effects @ np.linalg.lstsq(weights[:, None] * effects, weights * is_habit)[0]
    cells = np.full(counts.shape, np.nan)
    cells[rows, columns] = fitted
    return cells[counts.index.get_indexer(there), counts.columns.get_indexer(named)]


def quasi_independent(counts: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """The expected counts of the possible cells, by iterative proportional fitting.

    Args:
        counts: (kinds there, kinds named) with a count in every row and column, and none but in possible cells.
        rows, columns: (cells,) of the possible cells.

    Returns:
        (cells,) with the margins of `counts`.
    """
    fitted = np.zeros(counts.shape)
    fitted[rows, columns] = 1.0
    of_rows, of_columns = counts.sum(axis=1, keepdims=True), counts.sum(axis=0)
    for _ in range(_SWEEPS):
        fitted *= of_columns / fitted.sum(axis=0)
        fitted *= of_rows / fitted.sum(axis=1, keepdims=True)
        if np.abs(fitted.sum(axis=0) - of_columns).max() < _CLOSE * counts.sum():
            break
    return fitted[rows, columns]
