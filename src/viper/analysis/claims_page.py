"""The claims as a page in Markdown: the table, the rule that the verdicts follow, and what the design can find."""

import pandas as pd

from viper.analysis.verdicts import NOT_MEASURED, SUPPORTED
from viper.claims_table import claims_table
from viper.config.analysis import Analysis

_NUMBERS = ["measured", "low", "high", "decided_by", "parts"]  # two claims that agree in all of these are one result


def page(claims: pd.DataFrame, scale: str, options: Analysis) -> str:
    """The page of a table that `viper.analysis.verdicts.judge_all` returned."""
    judged = claims[claims["verdict"] != NOT_MEASURED]
    notes = [_rule(options), _how_many(judged, options), _power(judged, options), _parts(judged)]
    return f"# Claims at scale {scale}\n\n" + "\n\n".join([claims_table(_cells(claims)), *filter(None, notes)]) + "\n"


def _cells(claims: pd.DataFrame) -> list[dict[str, str]]:
    """The rows as they are written in claims.csv."""
    return claims.astype(object).where(claims.notna(), "").astype(str).to_dict("records")


def _rule(options: Analysis) -> str:
    return (
        f"Percentage points, positive where the claim holds, with {options.confidence:.0%} intervals over items and "
        "seeds; those marked *one seed* are over items only, and say nothing of how training with another seed "
        "would differ. *Supported*: the whole interval lies above zero (for a claim of at least as high: above "
        "−margin). *Not supported*: it lies below, or is zero. *Equal*, of two ways of training: it holds zero and "
        "lies between −margin and +margin. *Inconclusive*: none of these. *Not measured*: no experiment of params.yaml "
        "has what it compares. Published figures are the paper's, on the official benchmarks."
    )


def _how_many(judged: pd.DataFrame, options: Analysis) -> str:
    """The note on the number of claims."""
    rate, supported = (1 - options.confidence) / 2, judged[judged["verdict"] == SUPPORTED]
    repeated, distinct = judged.duplicated(_NUMBERS).sum(), (~supported.duplicated(_NUMBERS)).sum()
    again = (
        f" The numbers of {repeated} repeat those of another claim, since looking closely changes no answer that they "
        f"rest on: {distinct} different ones are supported."
    )
    return (
        f"{len(judged)} claims were judged, {len(supported)} of them supported.{again if repeated else ''} Each has an "
        f"error of its own, {rate:.1%}: if none were true, {rate * len(judged):.1f} of so many would be called "
        "supported all the same. The primary claim was chosen beforehand and stands alone; the others are read "
        "together, as leads."
    )


def _power(judged: pd.DataFrame, options: Analysis) -> str:
    """What effects the design can find."""
    return "\n".join(
        f"What this design can find: the interval of the primary claim reaches {row.reachable:.2f} points to each side "
        f"({row.design}). A smaller effect stays inconclusive, and two ways of training can be shown equal only where "
        f"their interval is narrower than ±{options.margin:g}. `reachable` in claims.csv says this of every claim."
        for row in judged[judged["primary"] == "yes"].itertuples()
    )


def _parts(judged: pd.DataFrame) -> str:
    """What the claims of several parts consist of, with intervals corrected for their number; opened at a click."""
    parts = "\n".join(f"- {row.text}: {row.parts}." for row in judged[judged["parts"] != ""].itertuples())
    summary = "Claims of several parts: what each part says"
    return parts and f"<details><summary>{summary}</summary>\n\n{parts}\n\n</details>"
