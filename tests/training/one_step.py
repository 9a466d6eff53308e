"""One step of training in however many processes it was started: `one_step.py TOY OUT METHOD...`, see its test.

The method `three` is three steps of GRPO, in which the reward fails at the step that FAIL_AT names, if it is set.

Two things differ from a real run. Responses are not sampled but made up from the prompt, as random numbers are drawn
process by process. And the optimizer is plain gradient descent: Adam's first step is nearly the sign of a gradient, so
that rounding in a gradient of zero would look like a difference. (`three` has Adam.)
"""

import importlib.util
import os
import sys
from pathlib import Path

import viper.models.torchvision_shim  # noqa: F401  (before transformers touches torchvision)

from trl import GRPOTrainer  # isort: skip
from accelerate import PartialState
from accelerate.utils import DistributedType
from torch.optim.optimizer import register_optimizer_step_pre_hook

from method import method as of_params
from viper.config.training import TrainOptions
from viper.training import grpo, sft
from viper.training.common import trainer_arguments
from viper.training.run import Places, train

PROCESSES = int(os.environ.get("WORLD_SIZE", "1"))
COMMON = {"data": ["csr", "vop"], "steps": 1, "learning_rate": 0.1, "max_grad_norm": 1e6}
PHASES = {
    "sft": {**COMMON, "method": "sft", "prompts_per_step": 4, "responses_per_pass": 2},
    "lora": {**COMMON, "method": "sft", "prompts_per_step": 4, "responses_per_pass": 2, "freeze_vision": True,
             "lora": {"rank": 4, "alpha": 8}},
    "grpo": {**of_params("training.phases.csr"), **COMMON, "prompts_per_step": 2, "rollouts": 3,
             "responses_per_pass": 3, "max_completion_length": 6, "updates_per_rollout": 1},
}  # fmt: skip
PHASES["three"] = PHASES["grpo"] | {"steps": 3, "learning_rate": 1e-3}
PHASES["synced"] = PHASES["grpo"]  # with gradients that are added up over the processes after every pass
PHASES |= {name: PHASES[name] | {"prompts_per_step": 4} for name in ("grpo", "synced")}  # two passes of each process


def made_up_responses(self, prompt_ids, *_, **__):
    """Responses of three to five tokens, each other than the others of its group; a process has whole groups."""
    responses = []
    for row, ids in enumerate(prompt_ids):
        number = row % self.num_generations
        words = [20 + (7 * number + 3 * len(ids) + place) % 9 for place in range(2 + number)]
        responses.append([*words, self._tokenizer.eos_token_id])
    return responses, None


def gradient_descent(*arguments, **named):
    given = trainer_arguments(*arguments, **named)
    return given | {"optim": "sgd"} if given["max_steps"] == 1 else given


def letter_reward():
    spec = importlib.util.spec_from_file_location("toy", Path(__file__).with_name("conftest.py"))
    toy = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(toy)

    class Failing(toy.LetterReward):
        calls = 0

        def score(self, completions, ground_truths):
            self.calls += 1
            if self.calls == int(os.environ.get("FAIL_AT", "0")):
                raise RuntimeError("failed as it should")
            return super().score(completions, ground_truths)

    return Failing()


def allow_fsdp_on_cpu() -> None:
    """accelerate shards only what it takes for GPUs; FSDP itself works with gloo."""
    init = PartialState.__init__

    def pretend(self, *arguments, **named):
        init(self, *arguments, **named)
        if self.distributed_type == DistributedType.MULTI_CPU:
            self.distributed_type = DistributedType.MULTI_GPU

    PartialState.__init__ = pretend


def watch_gradients(passes: list[str], wrappers: set[str]) -> None:
    """Note after every pass where gradients are: with the weights, each process its share; or apart, all of them.

    And what the model is wrapped in that the processes share.
    """
    step = GRPOTrainer.training_step

    def noting(self, model, *arguments, **named):
        loss = step(self, model, *arguments, **named)
        wrappers.add(type(model).__name__)
        passes.append("shares" if any(weights.grad is not None for weights in model.parameters()) else "all")
        return loss

    GRPOTrainer.training_step = noting


def main(toy: Path, out: Path, methods: list[str]) -> None:
    if os.environ.get("ACCELERATE_USE_FSDP") == "true":
        allow_fsdp_on_cpu()
    GRPOTrainer._generate_single_turn = made_up_responses
    passes: list[str] = []
    wrappers: set[str] = set()
    watch_gradients(passes, wrappers)
    grpo.trainer_arguments = sft.trainer_arguments = gradient_descent
    kinds: set[str] = set()
    register_optimizer_step_pre_hook(
        lambda optimizer, *_: kinds.update(type(weights).__name__ for weights in optimizer.param_groups[0]["params"])
    )
    for method in methods:
        options = TrainOptions(
            phase=PHASES[method],
            machine={
                "precision": "float32",
                "devices": PROCESSES,
                "accelerate_config": "given",
                "gradient_checkpointing": PROCESSES > 1,  # as at paper scale; it must not show
                "sync_each_batch": method == "synced",
            },
            records={"checkpoint_every": 1, "rollouts_every": 1},
        )
        data = tuple(toy / name / "train.parquet" for name in ("csr", "vop"))
        where = Places(
            parent=toy / "base" / "manifest.json",
            data=data,
            work=out / method / "work",
            model=out / method / "model",
            metrics=out / method / "train.csv",
            rollouts=out / method / "rollouts.jsonl",
        )
        train(options, where, seed=3, scorer=letter_reward())
        (out / method / "passes").write_text(" ".join(passes))
        passes.clear()
    (out / "sharding").write_text(" ".join(sorted(kinds)))
    (out / "wrapper").write_text(" ".join(sorted(wrappers)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
