"""Faults of tables at a place: what every reader refuses."""

import numpy as np
import pandas as pd

NO_NUMBERS = [np.nan, np.inf, -np.inf, "seven"]
FAULTS = ("cut", "twice", "empty", *NO_NUMBERS)


def damaged(table, fault, row, column):
    """A table with one fault at a place: a row cut off or there twice, no rows at all, or another cell."""
    if fault == "cut":
        return table.drop(index=row)
    if fault == "twice":
        return pd.concat([table, table.iloc[[row]]], ignore_index=True)
    if fault == "empty":
        return table.iloc[:0]
    changed = table.copy()
    changed[column] = changed[column].astype(object if isinstance(fault, str) else float)
    changed.loc[row, column] = fault
    return changed
