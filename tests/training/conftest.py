"""A toy problem: a tiny Qwen2.5-VL on disk, two data sets, and a reward that needs no embedder."""

import io
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from datasets import Dataset, Features, Image, List, Value
from PIL import Image as Pillow

from grpo_ways import ROLLOUTS, build_stock
from method import method
from microworld.base_models import internvl, vlm
from microworld.base_models.vlm import split_words
from viper.config.training import TrainOptions
from viper.manifest import write_manifest
from viper.models.pretrained import load_model, load_processor, vision_token_ids
from viper.training import data, grpo
from viper.training.records import RolloutWriter

STATEMENTS = ["The circle is red.", "The square is blue.", "A star was added.", "A ring was moved."]
PROMPTS = ["What must change?", "What was changed?"]


@dataclass(frozen=True)
class ToyScore:
    format: float
    correct: float
    reward: float
    matches: tuple = ()


class LetterReward:
    """Pays for the share of completions' words that stand in the ground truth: graded, so that groups have variance."""

    def score(self, completions, ground_truths):
        scores = []
        for completion, truths in zip(completions, ground_truths, strict=True):
            words, wanted = completion.split(), set(" ".join(truths).split())
            share = sum(word in wanted for word in words) / max(1, len(words))
            scores.append(ToyScore(float("<answer>" in completion), share, 0.05 + 0.95 * share))
        return scores


class InterruptedReward(LetterReward):
    """Stops the run in its third step, as Ctrl-C does."""

    calls = 0

    def score(self, completions, ground_truths):
        self.calls += 1
        if self.calls == 3:
            raise KeyboardInterrupt
        return super().score(completions, ground_truths)


def picture(color) -> bytes:
    buffer = io.BytesIO()
    Pillow.fromarray(np.full((64, 64, 3), color, dtype=np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def write_data(path, images_per_row, rows=12):
    columns = {
        "id": [f"{path.parent.name}{i}" for i in range(rows)],
        "images": [
            [{"bytes": picture((20 * i, 10 * j, 99)), "path": None} for j in range(images_per_row)] for i in range(rows)
        ],
        "prompt": [PROMPTS[images_per_row - 1]] * rows,
        "ground_truth": [[STATEMENTS[i % 4], STATEMENTS[(i + 1) % 4]] for i in range(rows)],
        "reasoning": [f"Look . {STATEMENTS[i % 4]}" for i in range(rows)],
    }
    features = Features(
        {
            "id": Value("string"),
            "images": List(Image()),
            "prompt": Value("string"),
            "ground_truth": List(Value("string")),
            "reasoning": Value("string"),
        }
    )
    path.parent.mkdir(parents=True)
    Dataset.from_dict(columns, features=features).to_parquet(path)
    return path


@pytest.fixture(scope="session")
def toy(tmp_path_factory):
    """Folder with base/ and internvl/ (checkpoints of two families), csr/train.parquet (one image per row) and
    vop/train.parquet (two)."""
    root = tmp_path_factory.mktemp("toy")
    words = split_words(" ".join([*STATEMENTS, *PROMPTS, "user assistant Look ."]))
    for folder, family in (("base", vlm), ("internvl", internvl)):
        processor = family.build_processor(words)
        model = family.build_vlm(processor, hidden_size=64, layers=2, vision_layers=1, intermediate_size=64)
        model.save_pretrained(root / folder)
        processor.save_pretrained(root / folder)
        write_manifest(root / folder)
    write_data(root / "csr" / "train.parquet", 1)
    write_data(root / "vop" / "train.parquet", 2)
    return root


@pytest.fixture(scope="session")
def rows_of(toy, tmp_path_factory):
    """Reads toy data sets by name, as chats laid out in the order of training: `rows_of(("csr",), 12)`."""
    copies = tmp_path_factory.mktemp("copies")
    for name in ("csr", "vop"):
        data.copy_rows(toy / name / "train.parquet", copies / name)

    def rows_of(names, rows):
        chats = [data.as_chat(data.open_rows(copies / name)) for name in names]
        return data.in_training_order(chats, rows, seed=0)

    return rows_of


@pytest.fixture(scope="session")
def reward():
    return LetterReward()


@pytest.fixture
def interrupted_reward():
    return InterruptedReward()


def build_options(checkpoint_every=2, **changes):
    """Options of a small GRPO phase, with any of its keys replaced."""
    phase = method("training.phases.csr") | {
        "data": ["csr", "vop"],
        "steps": 3,
        "learning_rate": 1e-3,
        "prompts_per_step": 2,
        "rollouts": 3,
        "responses_per_pass": 3,
        "max_completion_length": 6,
        "updates_per_rollout": 1,
    }
    return TrainOptions(
        phase=phase | changes,
        machine={"precision": "float32"},
        records={"checkpoint_every": checkpoint_every, "rollouts_every": 2},
    )


@pytest.fixture(scope="session")
def grpo_options():
    """Builds options of a small GRPO phase, with any of its keys replaced."""
    return build_options


@pytest.fixture
def base(toy):
    """The checkpoint that `build` starts from."""
    return toy / "base"


@pytest.fixture
def build(base, rows_of, reward, grpo_options, tmp_path):
    """Builds a trainer on prompts of one and of two images: TRL's own ("stock"), or ours ("once" or "shared")."""

    def build(way, dtype=torch.float64, sets=("csr", "vop"), **changes):
        options = grpo_options(**{"responses_per_pass": 2 * ROLLOUTS, "max_completion_length": 12} | changes)
        model = load_model(base, dtype)
        work = tmp_path / way
        work.mkdir(exist_ok=True)
        arguments = (
            model,
            load_processor(base, padding_side="left"),
            rows_of(sets, options.phase.steps * options.phase.prompts_per_step),
            grpo.RewardFunction(reward, RolloutWriter(work / "rollouts.jsonl", 1, ROLLOUTS)),
            grpo.build_config(options, suppress_tokens=vision_token_ids(model.config), seed=0, work=work),
        )
        if way == "stock":
            trainer = build_stock(*arguments)
        else:
            trainer = grpo.build_trainer(*arguments, [], shared_prefix=way == "shared")
        trainer.current_gradient_accumulation_steps = 1
        model.train()
        return trainer

    return build
