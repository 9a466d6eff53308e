"""Whose mistake each sentence is: of the labels, and of what models answered, with what the reward paid for.

The drawn world's truth is asked through `viper.questions.world`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from viper.analysis.keyed import HIT, NATURAL, keyed
from viper.completion import answer_text
from viper.digests import REMEDY
from viper.errors import ViperError
from viper.questions import world
from viper.questions.diffusion_errors.ask import AFTER, BEFORE, LABEL, TRUE_CAPTION
from viper.reading import read_table
from viper.reward.scoring import Reward
from viper.synthesis.refinements import read_refinements
from viper.synthesis.rows import Row

LABELS = ["id", "sentence", "type", "blame"]
ANSWERS = ["asked", "probe", *LABELS, "rewarded", "there", "named"]
CONFUSIONS = ["meant", "painted", "family", "number", "of"]


def judge_labels(rows: Sequence[Row], pairs: Mapping[str, Any]) -> pd.DataFrame:
    """Each sentence of the ground truth of a data set: LABELS."""
    found = [
        {"id": row["id"], "sentence": sentence, **world.blame(sentence, pairs[row["id"]])}
        for row in rows
        for sentence in row["ground_truth"]
    ]
    return pd.DataFrame(found, columns=LABELS)


def judge_answers(
    answers: Sequence[Row],
    rows: Mapping[str, Row],
    pairs: Mapping[str, Any],
    captions: Mapping[str, Any],
    reward: Reward,
) -> pd.DataFrame:
    """Each sentence that was answered: ANSWERS.

    An answer without a refinement has one row, whose sentence is ''. Of labels, `rewarded` is 1 where the reward
    counts the sentence as a hit; of right captions, `there` and `named` are the kind in the picture and the other kind
    that the sentence speaks of.

    Args:
        answers: see `viper.questions.diffusion_errors.ask`.
        rows: of the data set, by id. pairs, captions: what was asked about, by id.
    """
    of_labels = [row for row in answers if row["probe"] == LABEL]
    truths = [rows[row["id"]]["ground_truth"] for row in of_labels]
    scores = reward.score([row["completion"] for row in of_labels], truths) if of_labels else []
    found: list[dict[str, Any]] = []
    for row, score in zip(of_labels, scores, strict=True):
        hits = {match.text: match.hit for match in score.matches}
        for sentence in _refinements(row):
            told = world.blame(sentence, pairs[row["id"]]) if sentence else {}
            found.append(_named(row, sentence) | told | {"rewarded": int(hits.get(sentence, False))})
    for row in answers:
        if row["probe"] == TRUE_CAPTION:
            for sentence in _refinements(row):
                there, named = (sentence and world.invented(sentence, captions[row["id"]])) or ("", "")
                found.append(_named(row, sentence) | {"there": there, "named": named})
    return pd.DataFrame(found, columns=ANSWERS)


def read_labels(path: str | Path) -> pd.DataFrame:
    """Read what `judge_labels` says of one run.

    Raises:
        ViperError: see `viper.reading.read_table` and `keyed`.
    """
    return keyed(read_table(path, needed=LABELS), path, ("id", "sentence"))


def read_answers(path: str | Path) -> pd.DataFrame:
    """Read what `judge_answers` says of one run: both models are asked the same.

    Raises:
        ViperError: see `viper.reading.read_table` and `keyed`; or what is there is named as another kind.
    """
    table = read_table(path, needed=ANSWERS, numbers=["rewarded"])
    question, values = ("probe", "id"), {"asked": (BEFORE, AFTER), "probe": (LABEL, TRUE_CAPTION)}
    blank = {"rewarded": table["probe"] == TRUE_CAPTION}
    keyed(table, path, (*question, "asked", "sentence"), numbers={"rewarded": HIT}, values=values, blank=blank)
    keyed(table.drop_duplicates([*question, "asked"]), path, question, "asked")
    if (itself := (table["named"] != "") & (table["named"] == table["there"])).any():
        raise ViperError(f"{path}: {table['named'][itself].iloc[0]} is named as another kind where it is. {REMEDY}")
    return table


def read_confusions(path: str | Path) -> pd.DataFrame:
    """Read how often kinds were painted in place of others (`viper.questions.world.confusions`) in one run.

    Raises:
        ViperError: see `viper.reading.read_table` and `keyed`.
    """
    numbers = dict.fromkeys(("number", "of"), NATURAL)
    table = read_table(path, needed=CONFUSIONS, numbers=numbers)
    keyed(table, path, ("meant", "painted"), numbers=numbers)
    kinds = list(dict.fromkeys([*table["meant"], *table["painted"]]))
    itself = pd.DataFrame({"meant": kinds, "painted": kinds})  # no confusion, and so no row of the table
    keyed(pd.concat([table, itself]), path, "meant", "painted")
    return table


def _refinements(row: Row) -> list[str]:
    """The sentences of an answer that asks for something; [''] where none does."""
    return read_refinements(answer_text(row["completion"])) or [""]


def _named(row: Row, sentence: str) -> dict[str, Any]:
    return dict.fromkeys(ANSWERS, "") | {name: row[name] for name in ("asked", "probe", "id")} | {"sentence": sentence}
