"""Which kinds of question of the drawn benchmarks can show what reinforcement learning teaches, measured on the base.

A kind is admitted where the base, in every way in which it is asked, is right often enough on clear pictures, so that
it knows the task, and neither too often nor too seldom through its lens, so that there is something to see better and
something to see at all. The development split's pictures are looked at, and the base alone.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from viper.config.evaluation import Admission, Evaluation, asking_of
from viper.config.models import VlmSection
from viper.evaluation import world
from viper.evaluation.run import evaluate
from viper.evaluation.vlmevalkit import import_vlmeval
from viper.files import write_table
from viper.lineage import BASE
from viper.manifest import MANIFEST, sha256
from viper.models.base import VLM
from viper.models.vlm import load_vlm

COLUMNS = ["benchmark", "category", "kind", "items", "lineage", "clear", "shifted", "admitted", "contrast", "base"]
NUMBERS = ["items", "clear", "shifted", "contrast"]
_DIGITS = 12  # of the base's hash


def measure(base: Path, section: VlmSection, evaluation: Evaluation) -> pd.DataFrame:
    """Ask the base every kind of question, on clear pictures and through its lens; the columns are COLUMNS.

    One row a kind and way of asking (the base by itself, and under each control); `clear` and `shifted` are percent
    right, `contrast` is the lens's, `base` the beginning of the SHA-256 of the base's manifest.

    Args:
        base: its folder.
    """
    import_vlmeval()
    lineages = [BASE, *(f"{BASE}+{control}" for control in evaluation.controls)]
    rule = evaluation.admission
    with tempfile.TemporaryDirectory(prefix="viper-admission-") as folder:
        files = [Path(folder) / f"{name}.tsv" for name in evaluation.names]
        for file in files:
            world.write_each_kind(file.stem, rule.seed, rule.items, file)
        views = {
            view: _shares(load_vlm(base, section.model_copy(update={"lens": lens})), files, evaluation, lineages)
            for view, lens in (("clear", None), ("shifted", section.lens))
        }
    table = pd.concat(views, axis="columns").reset_index()
    rows = pd.DataFrame(
        {
            **{name: table[name, ""] for name in ("benchmark", "category", "kind", "lineage")},
            "items": table["clear", "items"],
            "clear": table["clear", "right"],
            "shifted": table["shifted", "right"],
            "contrast": section.lens.contrast,
            "base": sha256(base / MANIFEST)[:_DIGITS],
        }
    )
    return rows.assign(admitted=decide(rows, rule))[COLUMNS]


def decide(rows: pd.DataFrame, rule: Admission) -> pd.Series:
    """ "yes" or "no" for each row of a table: whether its kind of question is admitted."""
    low, high = rule.shifted
    fits = (rows["clear"] >= rule.least_clear) & rows["shifted"].between(low, high)
    return (
        fits.groupby([rows["benchmark"], rows["category"], rows["kind"]])
        .transform("all")
        .map({True: "yes", False: "no"})
    )


def _shares(vlm: VLM, files: list[Path], evaluation: Evaluation, lineages: list[str]) -> pd.DataFrame:
    """Columns items and right (percent), by benchmark, category, kind and lineage."""
    measured = pd.concat(_hits(vlm, files, evaluation, lineages))
    hits = measured.groupby(["benchmark", "category", "kind", "lineage"], sort=False)["hit"]
    return pd.DataFrame({"items": hits.size(), "right": (100 * hits.mean()).round(1)})


def _hits(vlm: VLM, files: list[Path], evaluation: Evaluation, lineages: list[str]) -> Iterator[pd.DataFrame]:
    own: list[Path] = []
    for lineage in lineages:
        results = evaluate(vlm, files, asking_of(evaluation, lineage), own=own)
        if not own:  # the base by itself, the first
            own = [file.with_suffix(".own.tsv") for file in files]
            for file, result in zip(own, results.values(), strict=True):
                write_table(file, result.items)
        for name, result in results.items():
            kinds = result.items[["category", "l2-category", "hit"]].rename(columns={"l2-category": "kind"})
            yield kinds.assign(benchmark=name, lineage=lineage)
