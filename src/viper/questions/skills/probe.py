"""Asking one checkpoint every probe at every contrast."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from viper.config.evaluation import Evaluation, asking_of
from viper.config.models import Lens, VlmSection
from viper.evaluation.run import evaluate
from viper.evaluation.vlmevalkit import import_vlmeval
from viper.models.vlm import load_vlm
from viper.questions.skills import world

COLUMNS = ["skill", "item", "contrast", "answer", "hit"]


def measure(
    checkpoint: Path,
    section: VlmSection,
    evaluation: Evaluation,
    lineage: str,
    contrasts: Sequence[float],
    files: Sequence[Path],
) -> pd.DataFrame:
    """Ask a checkpoint all probes through a lens of each contrast; the columns are COLUMNS, `hit` is 0 or 1.

    Args:
        checkpoint: its folder.
        lineage: behind a +, how it is asked.
        files: the probes, each named after its benchmark.
    """
    import_vlmeval()
    skills, parts = world.skill_of(), []
    for contrast in contrasts:
        vlm = load_vlm(checkpoint, section.model_copy(update={"lens": Lens(contrast=contrast)}))
        for name, result in evaluate(vlm, list(files), asking_of(evaluation, lineage)).items():
            kinds = zip(result.items["category"], result.items["l2-category"], strict=True)
            rows = result.items[["answer", "hit"]].assign(skill=[skills[name, *kind] for kind in kinds])
            parts.append(rows.assign(item=rows.groupby("skill").cumcount(), contrast=contrast))
    return pd.concat(parts, ignore_index=True)[COLUMNS]
