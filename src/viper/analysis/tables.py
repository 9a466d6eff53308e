"""The tables of the paper, tidy for machines (CSV) and wide for people (Markdown)."""

from collections.abc import Sequence
from operator import itemgetter
from pathlib import Path

import pandas as pd

from viper.analysis import bootstrap
from viper.analysis.benchmark_names import about_published, has_published, headings
from viper.analysis.bootstrap import Benchmark, Scores
from viper.analysis.claims import gain
from viper.analysis.keyed import COUNT, FINITE, PERCENT, keyed
from viper.analysis.phrases import seeds_phrase
from viper.analysis.predictions import Predictions
from viper.analysis.published import MODELS, OVERALL, PLAIN, SUBDOMAINS, published, published_as
from viper.config.analysis import Analysis
from viper.errors import ViperError
from viper.lineage import BASE, is_trained, split_control
from viper.reading import read_table

COLUMNS = ["lineage", "column", "imitates", "score", "low", "high"]
COLUMNS += ["compared_with", "difference", "difference_low", "difference_high"]
COLUMNS += ["items", "seeds", *(f"published_{model}" for model in MODELS)]
_NUMBERS = tuple(column for column in COLUMNS if column not in ("lineage", "column", "imitates", "compared_with"))


_MAY_BE_BLANK = [name for name in _NUMBERS if name.startswith(("difference", "published_"))]


def score_benchmarks(
    predictions: Predictions, names: dict[str, str], options: Analysis, *, guessed: bool = False
) -> Scores:
    """Score the benchmarks.

    Args:
        names: the paper's name of a benchmark → name of its file of predictions.
        guessed: see `Predictions.read`.
    """
    benchmarks = []
    for column, file in names.items():
        items, hits = predictions.read(file, guessed=guessed)
        is_hallusion = column == "HallusionBench"
        benchmarks.append(
            bootstrap.hallusion(column, items, hits) if is_hallusion else bootstrap.accuracy(column, hits)
        )
    return _resample(benchmarks, predictions.lineages, options)


def score_subdomains(predictions: Predictions, file: str, options: Analysis) -> Scores:
    """Score MMStar's sub-domains, each drawn from its own items.

    Their mean stands under the name MMStar: all have the same number of items there.

    Raises:
        ViperError: the predictions have no column `category`.
    """
    items, hits = predictions.read(file)
    if "category" not in items:
        raise ViperError(f"{file}: the predictions lack the column category: evaluate again")
    found = sorted(items["category"].unique(), key=lambda name: (name not in SUBDOMAINS, name))
    ordered = [name for name in SUBDOMAINS if name in found] + [name for name in found if name not in SUBDOMAINS]
    return _resample(
        [bootstrap.accuracy(name, hits[:, :, (items["category"] == name).to_numpy()]) for name in ordered],
        predictions.lineages,
        options,
        mean="MMStar",
    )


def _resample(benchmarks: list[Benchmark], lineages: Sequence[str], options: Analysis, mean: str = OVERALL) -> Scores:
    return bootstrap.resample(
        benchmarks, lineages, resamples=options.resamples, confidence=options.confidence, seed=options.seed, mean=mean
    )


def compared_with(lineage: str, lineages: Sequence[str]) -> str:
    """Which of an experiment's lineages another one is compared with: like for like, the first that is asked as it is.

    The first that is asked in some other way than `lineages[0]` is compared with that one, which shows what the asking
    alone does. So `base.csr+look` is compared with `base+look`, and this with `base`.
    """
    _, control = split_control(lineage)
    alike = next(other for other in lineages if split_control(other)[1] == control)
    return lineages[0] if alike == lineage else alike


def tidy(scores: Scores, lineages: Sequence[str], n_seeds: int) -> pd.DataFrame:
    """One row per lineage and column, in percent, beside its difference to another lineage and the published figures.

    Args:
        lineages: of an experiment, in its order; see `compared_with`.
    """
    known = published().set_index(["model", "lineage", "column"])["score"]
    rows = []
    for lineage in lineages:
        reference = compared_with(lineage, lineages)
        for column, items in scores.items.items():
            score = scores.estimate(itemgetter((lineage, column)))
            row = {
                "lineage": lineage,
                "column": column,
                "imitates": "",
                "score": score.value,
                "low": max(score.low, 0.0),
                "high": min(score.high, 100.0),
            }
            if lineage != reference:
                difference = scores.estimate(gain(lineage, reference, column))
                row |= {"compared_with": reference, "difference": difference.value}
                row |= {"difference_low": difference.low, "difference_high": difference.high}
            row |= {"items": items, "seeds": n_seeds if is_trained(lineage) else 1}
            row |= {f"published_{model}": known.get((model, published_as(lineage), column)) for model in MODELS}
            rows.append(row)
    return pd.DataFrame(rows).reindex(columns=COLUMNS)


def read_tidy(path: str | Path) -> pd.DataFrame:
    """Read a table of `tidy` that was written to a file.

    Raises:
        ViperError: see `viper.reading.read_table` and `keyed`.
    """
    table = read_table(path, needed=COLUMNS, numbers=_NUMBERS)
    lineages = list(dict.fromkeys(table["lineage"]))
    first = table["lineage"].isin(lineages[:1])  # what all others are compared with, itself with nothing
    blank = {name: first if name.startswith("difference") else True for name in _MAY_BE_BLANK}
    numbers = dict.fromkeys(_NUMBERS, FINITE) | {"score": PERCENT, "items": COUNT, "seeds": COUNT}
    keyed(table, path, "lineage", "column", numbers=numbers, blank=blank)
    if not first.all():
        keyed(table[~first], path, ("lineage", "column"), values={"compared_with": lineages})
    return table


def markdown(table: pd.DataFrame, title: str, settings: Analysis) -> str:
    """Write a tidy table wide: a row per lineage, its differences to another below, the published rows last.

    Below the base that is asked as VLMEvalKit asks stands how far it is from what was published of it.
    """
    columns = list(dict.fromkeys(table["column"]))
    named = headings(table)
    lines = [["model", *(named[column] for column in columns)], ["---"] * (len(columns) + 1)]
    cells = table.set_index(["lineage", "column"])
    lineages = list(dict.fromkeys(table["lineage"]))
    for lineage in lineages:
        rows = [cells.loc[(lineage, column)] for column in columns]
        lines.append([f"`{lineage}`", *(f"{row.score:.1f} [{row.low:.1f}, {row.high:.1f}]" for row in rows)])
        if lineage != lineages[0]:
            differences = (
                f"{row.difference:+.1f} [{row.difference_low:+.1f}, {row.difference_high:+.1f}]" for row in rows
            )
            lines.append([f"− `{rows[0].compared_with}`", *differences])
        if lineage == f"{BASE}+{PLAIN}" and has_published(table):
            missed = (_beside_published(row, row[f"published_{settings.published_model}"]) for row in rows)
            lines.append([f"base reproduced: ours − published {settings.published_model}", *missed])
    known = published()
    for model in MODELS if has_published(table) else ():
        for lineage in dict.fromkeys(known.loc[known["model"] == model, "lineage"]):
            scores = known[(known["model"] == model) & (known["lineage"] == lineage)].set_index("column")["score"]
            if scores.index.isin(columns).any() and lineage in lineages:
                shown = (f"{scores[column]:.1f}" if column in scores else "" for column in columns)
                lines.append([f"published {model}: `{lineage}`", *shown])
    items = ", ".join(f"{column} {cells.loc[(lineages[0], column), 'items']}" for column in columns)
    note = (
        f"Percent right, with {settings.confidence:.0%} intervals by paired bootstrap over items"
        f"{seeds_phrase(table['seeds'].max())}. Items: {items}. "
        + about_published(table, "Published rows are the paper's, on the official benchmarks.")
    )
    return f"# {title}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines) + f"\n\n{note}\n"


def _beside_published(row: pd.Series, known: float) -> str:
    """How much higher a score is than what was published, with its interval; nothing where nothing was."""
    if pd.isna(known):
        return ""
    return f"{row.score - known:+.1f} [{row.low - known:+.1f}, {row.high - known:+.1f}]"
