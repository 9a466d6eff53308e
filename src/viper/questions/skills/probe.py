"""Asking one checkpoint every probe at every contrast."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from viper.config.evaluation import Evaluation, asking_of
from viper.config.models import Lens, VlmSection
from viper.evaluation.answers import UNREADABLE
from viper.evaluation.run import evaluate
from viper.evaluation.vlmevalkit import import_vlmeval
from viper.models.vlm import load_vlm
from viper.questions.skills import world

COLUMNS = ["skill", "item", "contrast", "answer", "hit", "named"]


def measure(
    checkpoint: Path,
    section: VlmSection,
    evaluation: Evaluation,
    lineage: str,
    contrasts: Sequence[float],
    files: Sequence[Path],
) -> pd.DataFrame:
    """Ask a checkpoint all probes through a lens of each contrast; the columns are COLUMNS.

    `hit` is 1 where VLMEvalKit counts the answer as right, `named` where it names an option; both are 0 elsewhere.

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
            rows = result.items[["answer", "hit"]].assign(
                skill=[skills[name, *kind] for kind in kinds], named=names_an_option(result.items["reading"])
            )
            parts.append(rows.assign(item=rows.groupby("skill").cumcount(), contrast=contrast))
    return pd.concat(parts, ignore_index=True)[COLUMNS]


def names_an_option(readings: pd.Series) -> pd.Series:
    """Whether each answer names one option, by its `reading` (`viper.evaluation.answers.How`): 1 or 0.

    That is a letter or an option's text, a yes or a no; in short answers, anything that is said. It is none where the
    answer names several options, or where nothing but letters count (MME-RealWorld) and it says no letter. A question
    that is asked several times (CRPE) has several readings, and is no probe.
    """
    return (~readings.isin(UNREADABLE)).astype(int)
