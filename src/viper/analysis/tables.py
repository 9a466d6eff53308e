"""The tables of the paper, tidy for machines (CSV) and wide for people (Markdown)."""

from collections.abc import Sequence

import pandas as pd

from viper.analysis import bootstrap
from viper.analysis.bootstrap import Benchmark, Scores
from viper.analysis.claims import CLAIMS, judge
from viper.analysis.predictions import read
from viper.analysis.published import MODELS, OVERALL, SUBDOMAINS, published
from viper.config.analysis import Analysis
from viper.errors import ViperError

BASE = "base"


def score_benchmarks(
    folder: str, names: dict[str, str], lineages: Sequence[str], seeds: Sequence[int], options: Analysis
) -> tuple[Scores, dict[str, int]]:
    """Score the benchmarks; also return the number of items of each.

    Args:
        folder: holds the predictions, see `viper.analysis.predictions`.
        names: the paper's name of a benchmark → name of its file of predictions.
    """
    benchmarks = []
    for column, file in names.items():
        items, hits = read(folder, file, options.split, lineages, seeds)
        is_hallusion = column == "HallusionBench"
        benchmarks.append(
            bootstrap.hallusion(column, items, hits) if is_hallusion else bootstrap.accuracy(column, hits)
        )
    return _resample(benchmarks, lineages, options)


def score_subdomains(
    folder: str, file: str, lineages: Sequence[str], seeds: Sequence[int], options: Analysis
) -> tuple[Scores, dict[str, int]]:
    """Score MMStar's sub-domains, each drawn from its own items; also return the number of items of each.

    Raises:
        ViperError: the predictions have no column `category`.
    """
    items, hits = read(folder, file, options.split, lineages, seeds)
    if "category" not in items:
        raise ViperError(f"{file}: the predictions lack the column category: evaluate again")
    found = sorted(items["category"].unique(), key=lambda name: (name not in SUBDOMAINS, name))
    ordered = [name for name in SUBDOMAINS if name in found] + [name for name in found if name not in SUBDOMAINS]
    return _resample(
        [bootstrap.accuracy(name, hits[:, :, (items["category"] == name).to_numpy()]) for name in ordered],
        lineages,
        options,
    )


def _resample(benchmarks: list[Benchmark], lineages: Sequence[str], options: Analysis) -> tuple[Scores, dict[str, int]]:
    scores = bootstrap.resample(
        benchmarks, lineages, resamples=options.resamples, confidence=options.confidence, seed=options.seed
    )
    counts = {benchmark.name: benchmark.items for benchmark in benchmarks}
    return scores, counts | {OVERALL: sum(counts.values())}


def tidy(scores: Scores, counts: dict[str, int], lineages: Sequence[str], n_seeds: int) -> pd.DataFrame:
    """One row per lineage and column, in percent, with the difference to the base and the published figures beside."""
    known = published().set_index(["model", "lineage", "column"])["score"]
    rows = []
    for lineage in lineages:
        for column, items in counts.items():
            low, high = scores.interval(scores.draws[lineage, column])
            row = {
                "lineage": lineage,
                "column": column,
                "score": float(scores.point[lineage, column]),
                "low": low,
                "high": high,
            }
            if BASE in lineages and lineage != BASE:
                row["difference"] = float(scores.point[lineage, column] - scores.point[BASE, column])
                row["difference_low"], row["difference_high"] = scores.interval(
                    scores.draws[lineage, column] - scores.draws[BASE, column]
                )
            row |= {"items": items, "seeds": n_seeds}
            row |= {f"published_{model}": known.get((model, lineage, column)) for model in MODELS}
            rows.append(row)
    columns = ["lineage", "column", "score", "low", "high", "difference", "difference_low", "difference_high"]
    columns += ["items", "seeds", *(f"published_{model}" for model in MODELS)]
    return pd.DataFrame(rows).reindex(columns=columns)


def markdown(table: pd.DataFrame, title: str, confidence: float) -> str:
    """Write a tidy table wide: a row per lineage, its differences to the base below, the published rows last."""
    columns = list(dict.fromkeys(table["column"]))
    lines = [["model", *columns], ["---"] * (len(columns) + 1)]
    cells = table.set_index(["lineage", "column"])
    for lineage in dict.fromkeys(table["lineage"]):
        rows = [cells.loc[(lineage, column)] for column in columns]
        lines.append([f"`{lineage}`", *(f"{row.score:.1f} [{row.low:.1f}, {row.high:.1f}]" for row in rows)])
        if table.loc[table["lineage"] == lineage, "difference"].notna().any():
            differences = (
                f"{row.difference:+.1f} [{row.difference_low:+.1f}, {row.difference_high:+.1f}]" for row in rows
            )
            lines.append(["− `base`", *differences])
    known = published()
    for model in MODELS:
        for lineage in dict.fromkeys(known.loc[known["model"] == model, "lineage"]):
            scores = known[(known["model"] == model) & (known["lineage"] == lineage)].set_index("column")["score"]
            if scores.index.isin(columns).any() and lineage in set(table["lineage"]):
                shown = (f"{scores[column]:.1f}" if column in scores else "" for column in columns)
                lines.append([f"published {model}: `{lineage}`", *shown])
    items = ", ".join(f"{column} {cells.loc[(table['lineage'].iloc[0], column), 'items']}" for column in columns)
    n_seeds = table["seeds"].iloc[0]
    note = (
        f"Percent right, with {confidence:.0%} intervals by paired bootstrap over items"
        f"{f' and {n_seeds} run seeds' if n_seeds > 1 else ' (one run seed)'}. "
        f"Items: {items}. Published rows are the paper's, on the official benchmarks."
    )
    return f"# {title}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines) + f"\n\n{note}\n"


def claims(benchmarks: Scores, subdomains: Scores, lineages: Sequence[str]) -> pd.DataFrame:
    """Judge every claim whose lineages were all evaluated.

    Benchmarks and sub-domains are drawn apart from each other: no claim combines the two.
    """
    known = published()
    rows = []
    for claim in CLAIMS:
        if set(claim.lineages) <= set(lineages):
            scores = subdomains if claim.on_subdomains else benchmarks
            rows.append(judge(claim, scores, known))
    return pd.DataFrame(rows, columns=["claim", "text", "published", "measured", "low", "high", "verdict"])
