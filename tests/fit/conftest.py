"""A model large enough that its activations outweigh what a trainer makes besides, and small enough for a test."""

import io

import numpy as np
import pytest
import torch
from datasets import Dataset, Features, Image, List, Value
from PIL import Image as Pillow

from microworld.base_models.vlm import build_processor, build_vlm, split_words
from viper.manifest import write_manifest

PROMPT = "what must change here ? " * 8


def _picture(number):
    buffer = io.BytesIO()
    Pillow.fromarray(np.full((64, 64, 3), number, dtype=np.uint8)).save(buffer, "PNG")
    return {"bytes": buffer.getvalue(), "path": None}


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """Folder with base/ (a Qwen2.5-VL of 5 million parameters) and vop/train.parquet, two pictures a row."""
    root = tmp_path_factory.mktemp("small")
    torch.manual_seed(0)
    processor = build_processor(split_words(f"{PROMPT} the circle is red . user assistant"))
    model = build_vlm(processor, hidden_size=256, layers=4, vision_layers=4, intermediate_size=768)
    model.to(torch.bfloat16).save_pretrained(root / "base")  # as the hub's are: read into float32, they are copied
    processor.save_pretrained(root / "base")
    write_manifest(root / "base")
    rows = {
        "images": [[_picture(20 * number), _picture(99)] for number in range(8)],
        "prompt": [PROMPT] * 8,
        "ground_truth": [["The circle is red."]] * 8,
    }
    features = Features(
        {"images": List(Image()), "prompt": Value("string"), "ground_truth": List(Value("string"))}
    )
    (root / "vop").mkdir()
    Dataset.from_dict(rows, features=features).to_parquet(root / "vop" / "train.parquet")
    return root
