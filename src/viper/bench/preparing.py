"""The CPU time that preparing a GRPO step with large pictures takes: once a prompt, against TRL's own trainer."""

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import viper.models.torchvision_shim  # noqa: F401  (before transformers touches torchvision)

import numpy as np  # isort: skip
import torch
from PIL import Image
from trl import GRPOTrainer

from microworld.base_models.vlm import build_processor, build_vlm, split_words
from viper.bench.alternate import Comparison
from viper.bench.grpo import build, one_step
from viper.synthesis.rows import IMAGES, TEXT, TEXTS, pack_image, write_rows
from viper.training import data

_SIDE, _PICTURES = 1024, 2  # pixels: what Qwen-Image paints; pictures of a prompt, as in VOP
_PROMPTS, _ROLLOUTS, _PASSES, _TOKENS = 2, 5, 5, 8  # at paper scale 16 prompts a device, and 20 passes
_QUESTION = "What was changed ?"


def comparisons() -> Iterator[Comparison]:
    """A step but for the VLM, which a GPU runs at paper scale: rows are loaded for all passes and prepared."""
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
            ways[name] = _preparation(trainer)
        yield Comparison("CPU time of preparing a GRPO step", "paper-like", "step", **ways, clock=time.process_time)


def _preparation(trainer: GRPOTrainer) -> Callable[[], int]:
    """What happens in a step from the first row that is read to the pixels that its passes are run on.

    Every response is an end token, so that nothing is generated, and nothing is asked of the VLM.
    """
    end = trainer.eos_token_ids[0]
    trainer._generate_single_turn = lambda prompt_ids, *_, **__: ([[end] for _ in prompt_ids], None)
    trainer.model.train()

    def prepare() -> int:
        batches, _ = trainer.get_batch_samples(
            iter(trainer.get_train_dataloader()), _PASSES, trainer.accelerator.device
        )
        trainer._generate_and_score_completions(batches[0])
        return 1

    return prepare


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
    """A small Qwen2.5-VL with random weights, which sees each picture as 1,024 tokens."""
    processor = build_processor(split_words(f"{_QUESTION} user assistant"))
    processor.image_processor.size = {"shortest_edge": _SIDE**2, "longest_edge": _SIDE**2}
    processor.tokenizer.padding_side = "left"
    return build_vlm(processor, hidden_size=32, layers=2, vision_layers=1, intermediate_size=32), processor
