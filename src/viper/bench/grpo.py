"""A GRPO step with shared prompts against TRL's own, on the same prompts, with the same settings."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import viper.models.torchvision_shim  # noqa: F401  (before transformers touches torchvision)

import numpy as np  # isort: skip
import torch
from datasets import Dataset
from PIL import Image
from trl import GRPOTrainer

from microworld.base_models.tasks import TASKS
from microworld.base_models.vlm import build_processor, build_vlm, split_words
from viper.bench.alternate import Comparison
from viper.bench.floor import floor_seconds
from viper.config.loading import load
from viper.config.training import TrainOptions
from viper.models.pretrained import load_model, load_processor, vision_token_ids
from viper.training import data, grpo
from viper.training.lora import lora_config
from viper.training.records import RolloutWriter

_TARGETS = {"micro": (2.5, 3.0), "paper-like": (3.5, 4.5)}
_METHOD = {"method", "temperature", "epsilon_low", "epsilon_high", "beta"}  # of params.yaml
_PAPER_LIKE_SIDE, _PAPER_LIKE_TOKENS = 512, 64  # pixels, 256 tokens per image; tokens of a response


class Length:
    """Pays for long responses: what is measured is the training, not the reward."""

    def score(self, completions: list[str], ground_truths: list[list[str]]) -> list:
        from viper.reward.scoring import Score

        shares = [min(1.0, len(text) / 1000) for text in completions]
        return [Score(1.0, share, share, share, ()) for share in shares]


class Unwritten(RolloutWriter):
    """Keeps no responses: TRL's own trainer puts pictures into their prompts."""

    def __init__(self, group_size: int) -> None:
        self.group_size = group_size

    def write(self, step: int, rows: Callable[[int], dict]) -> None:
        """Do nothing."""


def one_step(prompts: int, rollouts: int, tokens: int, *, passes: int = 1) -> TrainOptions:
    """Options of one step on so many prompts, with at most `tokens` a response, in so many passes."""
    phase = load("micro").training.phases["csr"].model_dump(include=_METHOD) | {
        "data": ["csr"],
        "steps": 1,
        "learning_rate": 1e-6,
        "prompts_per_step": prompts,
        "rollouts": rollouts,
        "responses_per_pass": prompts * rollouts // passes,
        "max_completion_length": tokens,
        "freeze_vision": False,
    }
    machine = {"precision": "float32", "threads": torch.get_num_threads()}
    return TrainOptions(phase=phase, machine=machine, records={})


def _micro(vlm: Path, prompts: int):
    """The stored micro VLM and prompts of both tasks, as in training."""
    rng = np.random.default_rng(0)
    samples = [TASKS["csr" if number % 2 else "vop"](rng, 5) for number in range(prompts)]
    rows = [
        {"images": [np.asarray(image) for image in s.images()], "prompt": s.prompt, "ground_truth": ["Yes."]}
        for s in samples
    ]
    return load_model(vlm, torch.float32), load_processor(vlm, padding_side="left"), rows


def _paper_like(prompts: int):
    """A narrow Qwen2.5-VL with random weights: two images of 256 tokens, responses that never end by themselves."""
    rng = np.random.default_rng(0)
    side = (_PAPER_LIKE_SIDE, _PAPER_LIKE_SIDE, 3)
    question = "What was changed from the first picture to the second ?"
    processor = build_processor(split_words(f"{question} user assistant"))
    processor.image_processor.size = {"shortest_edge": _PAPER_LIKE_SIDE**2, "longest_edge": _PAPER_LIKE_SIDE**2}
    processor.tokenizer.padding_side = "left"
    model = build_vlm(processor)
    rows = [
        {
            "images": [rng.integers(0, 256, side, dtype=np.uint8) for _ in range(2)],
            "prompt": question,
            "ground_truth": ["Yes."],
        }
        for _ in range(prompts)
    ]
    return model, processor, rows


def build(model, processor, rows: Dataset, options: TrainOptions, work: Path, *, stock: bool) -> GRPOTrainer:
    """TRL's own trainer, or ours; both on the same rows of images, prompt (chat) and ground truth."""
    config = grpo.build_config(options, suppress_tokens=vision_token_ids(model.config), seed=0, work=work)
    config.save_strategy = "no"
    function = grpo.RewardFunction(Length(), Unwritten(options.phase.rollouts))
    if not stock:
        return grpo.build_trainer(
            model,
            processor,
            rows,
            function,
            config,
            [],
            shared_prefix=options.phase.shared_prefix,
            peft_config=lora_config(options.phase),
        )
    return GRPOTrainer(
        model=model,
        processing_class=processor,
        train_dataset=rows,
        reward_funcs=function,
        args=config,
        peft_config=lora_config(options.phase),
    )


class Way:
    """One trainer, and the two things that are timed with it.

    Args:
        rows: prompts, each with its `images`, arrays (height, width, 3), `prompt` and `ground_truth`.
        work: folder for what it writes.
        shared: read each prompt once per group.
    """

    def __init__(self, model, processor, rows: list[dict], options: TrainOptions, work: Path, *, shared: bool):
        chats = data.as_chat(
            Dataset.from_list([row | {"images": [Image.fromarray(i) for i in row["images"]]} for row in rows])
        )
        phase = options.phase.model_copy(update={"shared_prefix": shared})
        self.options = options.model_copy(update={"phase": phase})
        self.trainer = build(model, processor, chats, self.options, work, stock=not shared)
        self.trainer.current_gradient_accumulation_steps = 1
        self.numbers = [number for number in range(len(chats)) for _ in range(phase.rollouts)]
        self.batch = None

    def rollout(self) -> dict:
        """Responses of the same seed, and what is paid for them: both ways sample the same tokens."""
        torch.manual_seed(0)
        rows = [self.trainer.train_dataset[number] for number in self.numbers]
        self.batch = self.trainer._generate_and_score_completions(rows)
        return self.batch

    def loss(self) -> int:
        """Loss, forward and backward, of the responses sampled last."""
        self.trainer.model.train()
        self.trainer.model.zero_grad()
        self.trainer._compute_loss(self.trainer.model, self.batch).backward()
        return 1

    def step(self) -> int:
        """Responses, reward, loss, backward."""
        self.rollout()
        return self.loss()


def comparisons(vlm: Path, rate: float) -> Iterator[Comparison]:
    """Whole steps and the loss alone, at the micro shape and at a paper-like shape.

    Args:
        vlm: folder of the stored micro VLM. rate: of `viper.bench.floor.matrix_rate`.
    """
    torch.utils.deterministic.fill_uninitialized_memory = False  # as training does, for both ways
    shapes = {"micro": (16, 5, 144), "paper-like": (4, 5, _PAPER_LIKE_TOKENS)}
    for shape, (prompts, rollouts, tokens) in shapes.items():
        options = one_step(prompts, rollouts, tokens)
        with tempfile.TemporaryDirectory(prefix="viper-speed-") as folder:
            ways = {}
            for name, shared in (("baseline", False), ("ours", True)):
                model, processor, rows = _micro(vlm, prompts) if shape == "micro" else _paper_like(prompts)
                ways[name] = Way(model, processor, rows, options, Path(folder), shared=shared)
                ways[name].rollout()
            for what, target, method in zip(
                ("loss forward + backward", "GRPO step"), _TARGETS[shape][::-1], ("loss", "step"), strict=True
            ):
                ours = getattr(ways["ours"], method)
                floor = floor_seconds(ours, rate)
                yield Comparison(what, shape, "step", getattr(ways["baseline"], method), ours, target, floor)
