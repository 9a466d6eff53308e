"""The CPU time of a whole GRPO step with large pictures: prompts prepared once a group, against TRL's own trainer."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import viper.models.torchvision_shim  # noqa: F401  (before transformers touches torchvision)

import numpy as np  # isort: skip
import torch
from PIL import Image

from microworld.base_models.vlm import build_processor, build_vlm, split_words
from viper.bench.alternate import Comparison
from viper.bench.grpo import build, one_step
from viper.synthesis.rows import IMAGES, TEXT, TEXTS, pack_image, write_rows
from viper.training import data

_SIDE, _PICTURES = 1024, 2  # pixels: what Qwen-Image paints; pictures of a prompt, as in VOP
_PROMPTS, _ROLLOUTS, _PASSES, _TOKENS = 4, 5, 5, 8  # at paper scale 16 prompts a device, and 20 passes
_QUESTION = "What was changed ?"


def comparisons() -> Iterator[Comparison]:
    """One step as `Trainer.train` makes it, loading of rows included, with a VLM so small that it hardly counts.

    At paper scale the VLM is on a GPU, and what is measured here is what the CPU does meanwhile.
    """
    torch.utils.deterministic.fill_uninitialized_memory = False  # as training does, for both ways
    with tempfile.TemporaryDirectory(prefix="viper-speed-") as folder:
        path = Path(folder) / "train.parquet"
        _write(path)
        options = one_step(_PROMPTS, _ROLLOUTS, _TOKENS, passes=_PASSES)
        rows = data.lay_out(options, [path], Path(folder) / "rows", seed=0)
        ways = {}
        for name in ("baseline", "ours"):
            model, processor = _model()
            trainer = build(model, processor, rows, options, Path(folder), stock=name == "baseline")
            trainer.args.save_strategy = "no"
            ways[name] = _step(trainer)
        yield Comparison("CPU time of a GRPO step", "paper-like", "step", **ways, clock=time.process_time)


def _step(trainer):
    def step() -> int:
        torch.manual_seed(0)
        trainer.train()
        return 1

    return step


def _write(path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (_PROMPTS * _PICTURES, _SIDE, _SIDE, 3), dtype=np.uint8)
    pictures = [pack_image(Image.fromarray(pixels)) for pixels in noise]
    rows = [
        {"images": pictures[start : start + _PICTURES], "prompt": _QUESTION, "ground_truth": ["Yes."]}
        for start in range(0, len(pictures), _PICTURES)
    ]
    write_rows(path, rows, {"images": IMAGES, "prompt": TEXT, "ground_truth": TEXTS})


def _model():
    """A Qwen2.5-VL of two layers with random weights, which sees each picture as 1,024 tokens."""
    processor = build_processor(split_words(f"{_QUESTION} user assistant"))
    processor.image_processor.size = {"shortest_edge": _SIDE**2, "longest_edge": _SIDE**2}
    processor.tokenizer.padding_side = "left"
    return build_vlm(processor, hidden_size=32, layers=2, vision_layers=1, intermediate_size=32), processor
