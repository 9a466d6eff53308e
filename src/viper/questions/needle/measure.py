"""How much of a model's attention lies on the object that decides the answer.

Each picture is shown twice, with a question that only the object decides and with one whose text decides it; the
statement that the model is made to say is one and the same, and the same for all models.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from viper.config.evaluation import AttentionSection
from viper.errors import ViperError
from viper.evaluation.attention import attend, changed_fields
from viper.models.base import Chat
from viper.models.transformers_vlm import TransformersVLM
from viper.pictures import read_picture

ASKED, TOLD = "asked", "told"  # only the picture decides; the text does
COLUMNS = ["id", "method", "question", "share", "area", "statement"]
NEEDLES = ["id", "picture", "without", ASKED, TOLD, "statement"]


def measure(vlm: TransformersVLM, needles: Sequence[dict], section: AttentionSection) -> pd.DataFrame:
    """One row a needle, method and question; the columns are COLUMNS.

    `share` of the attention on the picture that lies on the tokens of the object, `area` those tokens' share of all.

    Raises:
        ViperError: a picture and the one without its object are equal.
    """
    return pd.DataFrame([row for needle in needles for row in _measure(vlm, needle, section)], columns=COLUMNS)


def _measure(vlm: TransformersVLM, needle: dict, section: AttentionSection) -> list[dict]:
    picture, without = (read_picture(needle[name], f"needle {needle['id']}") for name in ("picture", "without"))
    rows = []
    for question in (ASKED, TOLD):
        chat = Chat([picture], needle[question])
        height, width, weights = attend(vlm, chat, section.think, needle["statement"], needle["id"])
        object_fields = changed_fields(picture, without, height, width, section.changed)
        if object_fields is None:
            raise ViperError(f"needle {needle['id']}: its object cannot be seen: draw the pictures anew")
        for method, values in weights.items():
            row = {"id": needle["id"], "method": method, "question": question, "statement": needle["statement"]}
            rows.append(row | {"share": share(values, object_fields), "area": float(object_fields.mean())})
    return rows


def share(weights: np.ndarray, inside: np.ndarray) -> float:
    """Share of the attention, (fields,), that lies on the fields that are `inside`, (rows, columns) of booleans."""
    return float(weights[inside.ravel()].sum() / weights.sum())
