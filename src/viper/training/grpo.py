"""Group Relative Policy Optimization through TRL, with the settings of docs/paper.md, section Optimisation."""

import math
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from datasets import Dataset
from transformers import PreTrainedModel, ProcessorMixin, TrainerCallback
from trl import GRPOConfig, GRPOTrainer

from viper.config.training import Grpo, TrainOptions, VllmRollouts
from viper.training.common import trainer_arguments
from viper.training.monitors import Meaning, watch
from viper.training.prompts_once import PromptsOnceGRPOTrainer
from viper.training.records import RolloutWriter
from viper.training.shared_prefix import SharedPrefixGRPOTrainer
from viper.training.vllm_rollouts import VllmGRPOTrainer, vllm_arguments

if TYPE_CHECKING:
    from peft import PeftConfig


class Scorer(Protocol):
    """What training needs of `viper.reward.scoring.Reward`."""

    def score(self, completions: list[str], ground_truths: list[list[str]]) -> list[Any]:
        """One score with `.format`, `.correct`, `.reward` and `.matches` for each completion."""


def _text(content: str | list[dict[str, Any]]) -> str:
    """The text of a message; TRL's own trainer has put pictures between its parts."""
    return content if isinstance(content, str) else " ".join(part["text"] for part in content if "text" in part)


class RewardFunction:
    """Lets TRL call the paper's reward, logs its two parts and the monitors, and records sampled responses.

    Args:
        meaning: see `viper.training.monitors.watch`.
    """

    __name__ = "reward"

    def __init__(self, scorer: Scorer, rollouts: RolloutWriter, meaning: Meaning | None = None):
        self.scorer = scorer
        self.rollouts = rollouts
        self.meaning = meaning

    def __call__(
        self, *, prompts: list, completions: list, ground_truth: list, log_metric: Any, trainer_state: Any, **_: Any
    ) -> list[float]:
        """Return one reward in [0, 1] per completion. TRL passes every column of the data set by its name."""
        texts = [completion[-1]["content"] for completion in completions]
        scores = self.scorer.score(texts, ground_truth)
        log_metric("reward_format", sum(score.format for score in scores) / len(scores))
        log_metric("reward_correct", sum(score.correct for score in scores) / len(scores))
        asked = [_text(prompt[-1]["content"]) for prompt in prompts]
        seen = watch(asked, ground_truth, texts, scores, self.rollouts.group_size, self.meaning)
        for name, value in seen.items():
            if not math.isnan(value):  # a sampling without such sentences has an empty field
                log_metric(name, value)
        if trainer_state.is_world_process_zero:
            self.rollouts.write(
                trainer_state.global_step + 1,
                lambda index: {
                    "prompt": asked[index],
                    "ground_truth": ground_truth[index],
                    "completion": texts[index],
                    "format": scores[index].format,
                    "correct": scores[index].correct,
                    "reward": scores[index].reward,
                },
            )
        return [score.reward for score in scores]


def build_config(options: TrainOptions, *, suppress_tokens: list[int], seed: int, work: Path) -> GRPOConfig:
    """The GRPOConfig of a phase.

    Placeholders of images must not be sampled: they have no picture behind them, and the next forward pass would stop
    with "image features and image tokens do not match" (`viper.models.pretrained.vision_token_ids` names them).

    The paper's objective is TRL's `loss_type="grpo"`: mean over the tokens of a response, then over responses. One
    sampling serves `updates_per_rollout` optimizer steps, each on its part of the responses, or on all of them
    (`updates`). In the first, the policy that is updated is the one that sampled, and every ratio is 1; from the second
    on, ratios are clipped.
    """
    phase: Grpo = options.phase
    common = trainer_arguments(options, seed=seed, work=work)
    in_parts = phase.updates == "parts"
    engine = (
        vllm_arguments(phase, suppress_tokens)
        if phase.engine == "vllm"
        else {"generation_kwargs": {"suppress_tokens": suppress_tokens}}
    )
    return GRPOConfig(
        **common,
        num_generations=phase.rollouts,
        temperature=phase.temperature,
        max_completion_length=phase.max_completion_length,
        epsilon=phase.epsilon_low,
        epsilon_high=phase.epsilon_high,
        beta=phase.beta,
        loss_type=phase.loss_type,
        scale_rewards=phase.scale_rewards,
        num_iterations=1 if in_parts else phase.updates_per_rollout,
        steps_per_generation=common["gradient_accumulation_steps"] * (phase.updates_per_rollout if in_parts else 1),
        shuffle_dataset=False,  # `viper.training.data` has done it
        **engine,
        remove_unused_columns=False,  # the reward reads the ground truth
        log_multimodal=False,
    )


def build_trainer(
    model: PreTrainedModel,
    processor: ProcessorMixin,
    dataset: Dataset,
    reward: RewardFunction,
    config: GRPOConfig,
    callbacks: list[TrainerCallback],
    *,
    shared_prefix: bool = False,
    vllm: VllmRollouts | None = None,
    peft_config: "PeftConfig | None" = None,
) -> GRPOTrainer:
    """A GRPOTrainer on rows of images, prompt (chat) and ground_truth, in the order of training.

    Args:
        vllm: what vLLM is started with, where `config` uses it.

    Raises:
        ViperError: `shared_prefix` is asked for where it does not work, or vLLM does not start.
    """
    trainer_class = SharedPrefixGRPOTrainer if shared_prefix else PromptsOnceGRPOTrainer
    if config.use_vllm:
        trainer_class = partial(VllmGRPOTrainer, settings=vllm or VllmRollouts())
    return trainer_class(
        model=model,
        processing_class=processor,
        train_dataset=dataset,
        reward_funcs=reward,
        args=config,
        callbacks=callbacks,
        peft_config=peft_config,
    )
