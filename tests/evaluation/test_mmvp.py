"""MMVP, which counts pairs of pictures: an item alone is half of what is scored."""

import base64
import hashlib
import io

import pandas as pd
import pytest
from PIL import Image

from viper.config.evaluation import Asking
from viper.evaluation.run import evaluate
from viper.evaluation.vlmevalkit import import_vlmeval


class Dark:
    """Says A of a dark picture and B of a light one, except that the last pair confuses it."""

    def answer(self, chats, *, max_new_tokens, temperature=0.0, seeds=()):
        return [
            "<answer> A </answer>" if chat.images[0].getpixel((0, 0))[0] < 99 or "third" in chat.text else "B."
            for chat in chats
        ]


def picture(value) -> str:
    buffer = io.BytesIO()
    Image.new("RGB", (32, 32), (value,) * 3).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


@pytest.fixture
def file(tmp_path, monkeypatch):
    rows = [
        {"index": 2 * pair + turn, "image": picture(20 + 180 * turn), "question": f"Is the {name} cup dark or light?",
         "A": "dark", "B": "light", "answer": "AB"[turn]}
        for pair, name in enumerate(("first", "second", "third")) for turn in (0, 1)
    ]  # fmt: skip
    path = tmp_path / "MMVP.tsv"
    pd.DataFrame(rows).to_csv(path, sep="\t", index=False)
    import_vlmeval()
    from vlmeval.dataset.image_mcq import ImageMCQDataset

    monkeypatch.setitem(ImageMCQDataset.DATASET_MD5, "MMVP", hashlib.md5(path.read_bytes()).hexdigest())
    return path


def test_a_pair_counts_when_both_are_right(file):
    result = evaluate(Dark(), [file], Asking(max_new_tokens=8))["MMVP"]
    assert result.items["hit"].tolist() == [1, 1, 1, 1, 1, 0]
    assert result.score == pytest.approx(100 * 2 / 3)
