"""What was judged: shares of refinements that match, by people and by the truth, and the answers of the question."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from viper.analysis.bootstrap import Estimate
from viper.analysis.keyed import NATURAL, SHARE, keyed
from viper.analysis.verdicts import NOT_MEASURED
from viper.config.analysis import Analysis
from viper.questions import answers
from viper.questions.inspection.agreement import PARTS, TRUTH
from viper.questions.inspection.items import ELSE, KEY, YES, Item, page_of
from viper.questions.shares import contrast, known_over_seeds, wilson
from viper.reading import read_table

QUESTION = "inspection"
SHARES = ["lineage", "judge", "parts", "number", "yes", "share", "low", "high"]
# A caption may be held to a painted picture, whose truth nobody has written down.
_BY_TRUTH = "by the truth of drawn pictures and the checker's reading of painted ones"
_MATCH = "more than half of the refinements of {lineage} match the difference between caption and picture, {judge}"
_FOUND = (
    "{judge}, of the {n} refinements of {lineage} on the inspected pictures {share:.0f} % [{low:.0f}, {high:.0f}] "
    "match what differs, in the mean of seeds: that most do is {{verdict}}."
)


def blank(items: list[Item]) -> pd.DataFrame:
    """Every part of some items, indexed by KEY, with the column refinement ('' of the last part)."""
    page = page_of(items)
    rows = [
        (page, str(item.seed), item.lineage, item.id, part, sentence)
        for item in items
        for part, sentence in zip(item.parts, (*item.refinements, ""), strict=True)
    ]
    return pd.DataFrame(rows, columns=[*KEY, "refinement"]).set_index(KEY)


def shares(judged: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """How often each judge said yes: SHARES, a row per lineage and sort of parts; 'unsure' is no yes.

    Args:
        judged: a column per judge, see `agreement.same_page`.
    """
    parts, lineages = (judged.index.get_level_values(name) for name in ("part", "lineage"))
    rows = []
    for lineage in dict.fromkeys(lineages):
        for judge in judged.columns:
            for name, last in PARTS.items():
                said = judged[judge][(lineages == lineage) & ((parts == ELSE) == last)]
                said = said[said != ""]
                yes = int((said == YES).sum())
                rows.append((lineage, judge, name, len(said), yes, *wilson(yes, len(said), confidence)))
    return pd.DataFrame(rows, columns=SHARES)


def read_shares(path: str | Path) -> pd.DataFrame:
    """Read a table of `shares` that was written to a file; it has no rows where nobody has judged.

    Raises:
        ViperError: see `viper.reading.read_table` and `keyed`.
    """
    numbers = dict.fromkeys(SHARES[3:5], NATURAL) | dict.fromkeys(SHARES[5:], SHARE)
    table = read_table(path, needed=SHARES, numbers=numbers)
    if len(table):
        blank = dict.fromkeys(SHARES[5:], table["number"] == 0)
        keyed(table, path, "lineage", "judge", "parts", numbers=numbers, values={"parts": PARTS}, blank=blank)
    return table


def claims(
    lineages: list[str],
    judged: pd.DataFrame | None,
    agreed: pd.DataFrame | None,
    kappa: float,
    options: Analysis,
) -> list[dict[str, object]]:
    """The answers; those that nobody has judged are not measured, and say so.

    Args:
        lineages: whose refinements are looked at.
        judged: a column per judge, the truth's among them where it is known; None where there is neither.
        agreed: their agreement, see `agreement.agreement`.
        kappa: what agreement has to exceed.
    """
    columns = [] if judged is None else list(judged.columns)
    people = [name for name in columns if name != TRUTH]
    rows = []
    for lineage in lineages:
        for name, judges, who, lacking in (
            ("match_by_truth", [each for each in columns if each == TRUTH], _BY_TRUTH, "truth of photographs"),
            ("match_by_people", people, "by people", "file of judgements"),
        ):
            text = _MATCH.format(lineage=lineage, judge=who)
            rows.append(_matching(f"{lineage}_{name}", text, lineage, judged, judges, who, lacking, options))
    pairs = {
        "people_agree": ("two people agree well on the refinements", len(people) == 2, lambda row: TRUTH not in row),
        "truth_agrees": (
            "each person agrees well with the truth",
            people and TRUTH in columns,
            lambda row: TRUTH in row,
        ),
    }
    for name, (text, is_known, chosen) in pairs.items():
        text = f"{text} (Cohen's kappa above {kappa:g})"
        found = None
        if is_known and agreed is not None:
            of_sentences = agreed[agreed["parts"] == "sentences"]
            found = of_sentences[[chosen((row.first, row.second)) for row in of_sentences.itertuples()]]
        rows.append(_agreeing(name, text, found, kappa))
    return rows


def _matching(
    name: str,
    text: str,
    lineage: str,
    judged: pd.DataFrame | None,
    judges: list[str],
    who: str,
    lacking: str,
    options: Analysis,
) -> dict[str, object]:
    if judged is None or not judges:
        return not_measured(
            name, text, "points", f"{text[0].upper()}{text[1:]}: not measured, for want of a {lacking}."
        )
    own = judged[(judged.index.get_level_values("lineage") == lineage)]
    own = own[own.index.get_level_values("part") != ELSE]
    by_seed = []
    for _, part in own.groupby("seed", sort=True):
        said = part[judges]
        units = pd.DataFrame({"hits": (said == YES).sum(axis=1), "size": (said != "").sum(axis=1)})
        by_seed.append(contrast(units.groupby(level="id").sum()))
    known = [each for each in by_seed if np.isfinite(each[0])]
    if not known:
        return not_measured(name, text, "points", f"{text[0].upper()}{text[1:]}: not measured, none was judged.")
    estimate, spread = known_over_seeds(
        [share - 50 for share, _ in known], [error for _, error in known], options.confidence
    )
    number = int((own[judges] != "").sum().sum())
    words = {key: value + 50 for key, value in estimate._asdict().items()}
    return answers.answer(
        QUESTION,
        name,
        text,
        estimate,
        unit="points",
        seeds=spread.n_seeds,
        items=number,
        reachable=spread.half_width((1 - options.confidence) / 2),
        sentence=_FOUND.format(
            judge=who[0].upper() + who[1:], lineage=lineage, n=number, share=words["value"], **_clipped(words)
        ),
    )


def _clipped(words: Mapping[str, float]) -> dict[str, float]:
    return {key: float(np.clip(words[key], 0, 100)) for key in ("low", "high")}


def _agreeing(name: str, text: str, found: pd.DataFrame | None, kappa: float) -> dict[str, object]:
    """Whether the least of some kappas exceeds a bound; its interval is one over pictures."""
    if found is None or found.empty or found[["kappa", "low", "high"]].isna().any(axis=None):
        return not_measured(name, text, "kappa", f"{text[0].upper()}{text[1:]}: not measured, for want of judgements.")
    least = found[["kappa", "low", "high"]].min()
    estimate = Estimate(*(float(each) - kappa for each in least))
    sentence = (
        f"{text[0].upper()}{text[1:]}: kappa is {least['kappa']:.2f} [{least['low']:.2f}, {least['high']:.2f}] over "
        f"{int(found['number'].min())} refinements, which makes it {{verdict}}."
    )
    return answers.answer(
        QUESTION,
        name,
        text,
        estimate,
        unit=f"kappa over {kappa:g}",
        seeds=1,
        items=int(found["number"].min()),
        reachable=float(least["kappa"] - least["low"]),
        sentence=sentence,
    )


def not_measured(name: str, text: str, unit: str, sentence: str) -> dict[str, object]:
    """The row of a claim that nobody has judged: no number, and no verdict of the rule."""
    nan = float("nan")
    row = answers.answer(
        QUESTION, name, text, Estimate(nan, nan, nan), unit=unit, seeds=0, items=0, reachable=nan, sentence=sentence
    )
    return row | {"verdict": NOT_MEASURED}
