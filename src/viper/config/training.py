"""Parameters of training: the phases that a lineage can be made of, and how a machine runs them."""

import math
import re
from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from viper.config.base import Batch, Count, Few, LeaveOutNull, Natural, Section, Tokens, Width
from viper.config.models import Attention, Engine, JobSection, Vllm
from viper.config.paths import PathText
from viper.errors import ViperError
from viper.lineage import BASE, Lineage, parse

MOST_AT_ONCE = (
    4096  # sequences of a vLLM that TRL starts: so many tokens, and no fewer than sequences, are a step of it
)
COLD_DATA = "cold"  # the one data set that is not synthesized by the loop


class Lora(Section):
    """Low-rank adapters (LoRA, arXiv 2106.09685) instead of all weights; the trained checkpoint has them merged in."""

    rank: Width = 64
    alpha: float = Field(128, gt=0, le=100_000, description="adapters are scaled by alpha / rank")
    dropout: float = Field(0.0, ge=0, lt=1)
    targets: str | list[str] = Field(
        "all-linear", description="names of layers, as peft has them; all-linear: every linear layer but the head"
    )


class AnyPhase(Section):
    """What a phase has, whatever its way of training."""

    data: list[Literal["csr", "vop", "cold"]] = Field(min_length=1, description="data sets, shuffled together")
    data_from: Literal["generation", "first"] = Field(
        "generation",
        exclude_if=lambda data_from: data_from == "generation",
        description="who synthesized them. generation: the model that the phase's generation started from; first: the "
        "base, whatever the lineage's name says, as a control of what training on alone gives",
    )
    steps: Count | list[str] = Field(
        description="optimizer steps; or a list of phases: the steps of each, on its data sets, shuffled together"
    )
    learning_rate: float = Field(gt=0, le=1)
    schedule: Literal["constant", "constant_with_warmup", "linear", "cosine"] = "constant"
    warmup_steps: Natural = 0
    weight_decay: float = Field(0.0, ge=0, le=1)
    max_grad_norm: float = Field(1.0, gt=0, le=1e9)
    prompts_per_step: Batch = Field(description="prompts in one optimizer step, over all devices")
    responses_per_pass: Batch = Field(description="responses in one forward and backward pass of one device")
    freeze_vision: bool = False
    lora: Lora | None = Field(None, description="null: all weights are trained")

    @property
    def responses_per_step(self) -> int:
        """Responses in one optimizer step, over all devices."""
        return self.prompts_per_step * self.responses_per_prompt

    @property
    def responses_per_prompt(self) -> int:
        """Responses to one prompt that a step is made of."""
        return 1

    def prompts_of(self, steps: int) -> int:
        """Prompts that so many optimizer steps are made of."""
        return steps * self.prompts_per_step

    @model_validator(mode="after")
    def _check_data(self) -> "AnyPhase":
        if len(set(self.data)) < len(self.data):
            raise ValueError(f"data {self.data} names a data set twice: keep each once")
        return self


class Correction(Section):
    """What is done about vLLM's sampling from slightly other probabilities than training computes for the same weights.

    Every token's, or every response's, term of the loss is multiplied by a weight: the probability that training gives
    it by the one that vLLM drew it with. docs/paper-scale.md says what the paper's objective becomes.
    """

    mode: Literal["none", "token_truncate", "token_mask", "sequence_truncate", "sequence_mask"] = Field(
        "none",
        description="TRL's names. none: no weights, the paper's objective as it stands; token or sequence: a weight a "
        "token, or one a response, the product of its tokens'; truncate or mask: a weight out of bounds is set to the "
        "bound, or to zero, which drops the token or the response",
    )
    cap: float | None = Field(None, gt=1, le=1000, description="the upper bound of a weight; null: none")
    floor: float | None = Field(None, gt=0, lt=1, description="the lower bound; null: none")

    @model_validator(mode="after")
    def _check_bounds(self) -> "Correction":
        if self.mode.endswith("truncate") and self.cap is None and self.floor is None:
            raise ValueError(f"mode {self.mode} needs a bound to truncate at: set cap, such as 3.0")
        return self


class VllmRollouts(Vllm):
    """The same, for sampling responses in the processes that train: beside weights, gradients and optimizer."""

    correction: Correction = Correction()


class Grpo(AnyPhase):
    """Reinforcement learning on the reward (docs/paper.md, Optimisation; params.yaml has the paper's numbers).

    Decoupled clipping is that of DAPO (arXiv 2503.14476).
    """

    method: Literal["grpo"]
    rollouts: Annotated[Batch, Field(ge=2, le=10_000)] = Field(description="responses sampled per prompt: one group")
    temperature: float = Field(gt=0, le=10)
    max_completion_length: Tokens = Field(description="tokens")
    epsilon_low: float = Field(gt=0, lt=1, description="a ratio below 1 - epsilon_low is clipped")
    epsilon_high: float = Field(gt=0, le=10, description="a ratio above 1 + epsilon_high is clipped")
    beta: float = Field(ge=0, le=100, description="weight of the KL term; the paper has none")
    scale_rewards: Literal["group", "batch", "none"] = "group"
    loss_type: Literal["grpo", "dapo", "dr_grpo", "bnpo"] = Field(
        "grpo", description="grpo: mean over a response's tokens, then over responses, as the paper; TRL's names"
    )
    updates: Literal["one", "parts", "again"] = Field(
        "again",
        exclude_if=lambda updates: updates == "again",
        description="what the optimizer steps of one sampling are made on. one: there is one, on all of its responses, "
        "whatever updates_per_rollout says: every ratio is 1, and nothing is clipped; parts: each on another part of a "
        "sampling of updates_per_rollout × prompts_per_step prompts; again: each on all responses of a sampling of "
        "prompts_per_step prompts",
    )
    updates_per_rollout: Few = Field(
        1, description="optimizer steps between two samplings; from the second on, ratios are not 1 and can be clipped"
    )
    engine: Engine = "transformers"
    vllm: VllmRollouts = Field(VllmRollouts(), exclude_if=lambda vllm: vllm == VllmRollouts())
    shared_prefix: bool = Field(
        False, description="true: run each prompt once per group, which gives the same updates; false: TRL's own steps"
    )

    @property
    def responses_per_prompt(self) -> int:
        return self.rollouts

    @property
    def prompts_per_rollout(self) -> int:
        """Prompts whose responses are sampled together, over all devices."""
        return self.prompts_per_step * (self.updates_per_rollout if self.updates == "parts" else 1)

    @property
    def is_corrected(self) -> bool:
        """Whether the loss has weights for how vLLM samples."""
        return self.engine == "vllm" and self.vllm.correction.mode != "none"

    def prompts_of(self, steps: int) -> int:
        return math.ceil(steps / self.updates_per_rollout) * self.prompts_per_rollout

    @model_validator(mode="before")
    @classmethod
    def _one_update_is_one(cls, values: Any) -> Any:
        """The name alone chooses: a number taken over from another phase or scale does not stand against it."""
        if isinstance(values, Mapping) and values.get("updates") == "one":
            return {**values, "updates_per_rollout": 1}
        return values

    @model_validator(mode="after")
    def _check_updates(self) -> "Grpo":
        if self.updates == "parts" and self.updates_per_rollout == 1:
            raise ValueError(
                "updates parts: a sampling has updates_per_rollout 1 part: make it more, such as 4, or set updates: one"
            )
        return self

    @model_validator(mode="after")
    def _check_length(self) -> "Grpo":
        self.vllm.check_room("vllm", "max_completion_length", self.max_completion_length)
        return self

    @model_validator(mode="after")
    def _check_clipping(self) -> "Grpo":
        if self.epsilon_high < self.epsilon_low:
            raise ValueError(
                f"epsilon_high {self.epsilon_high} is below epsilon_low {self.epsilon_low}: decoupled clipping leaves "
                "more room upwards; raise epsilon_high or lower epsilon_low"
            )
        return self


class Sft(AnyPhase):
    """Supervised fine-tuning on '<think>…</think><answer>ground truth</answer>', or on a data set's own completions."""

    method: Literal["sft"]
    think: str | None = Field(
        None,
        description="reasoning put before the answer where a data set has no completions of its own; null: that by "
        "which the loop's own model came to it",
    )


Phase = Annotated[Grpo | Sft, Field(discriminator="method")]


class TrainingJob(JobSection):
    """What one training asks a cluster for, on each of its nodes; a change re-runs nothing."""

    notice: Annotated[Natural, Field(le=65_535)] = Field(
        0,
        description="seconds before its end at which Slurm tells a job of it, which then saves a checkpoint; as many "
        "as that takes, and a step. 0: never",
    )

    @model_validator(mode="after")
    def _check_notice(self) -> "TrainingJob":
        if self.notice >= 60 * self.runtime:
            raise ValueError(
                f"notice {self.notice} seconds before the end of a job of {self.runtime} minutes is its start: lower "
                "notice, or raise runtime"
            )
        return self


class Machine(Section):
    """How training runs on the hardware: changes speed and memory, and the results only within rounding."""

    precision: Literal["float32", "bfloat16"] = Field(
        description="bfloat16: mixed precision with float32 master weights, saved in bfloat16"
    )
    device: Literal["cpu", "cuda"] = "cpu"
    devices: Few = Field(1, description="processes that share a step; more than one is started by accelerate")
    nodes: Few = Field(1, description="machines that the devices are on, as many on each; several: of one Slurm job")
    accelerate_config: PathText | None = Field(
        None, description="file for `accelerate launch`, needed for several devices"
    )
    # Left out of a checkpoint's record where it is transformers' choice, as it was before there was another.
    attention: Attention = Field("auto", exclude_if=lambda attention: attention == "auto")
    threads: Few = Field(1, description="CPU threads; part of the results' last bits, hence fixed here")
    gradient_checkpointing: bool = False
    sync_each_batch: bool = Field(
        False,
        exclude_if=lambda is_so: not is_so,
        description="several devices add up gradients after every pass instead of once a step: each then keeps its "
        "share of them between passes, not all (16.6 GB for 7B), and communicates more",
    )
    deterministic: bool = Field(True, description="only deterministic kernels: same inputs, same bytes")
    job: TrainingJob = TrainingJob(mem_mb=4000, runtime=120)

    @model_validator(mode="after")
    def _check_launcher(self) -> "Machine":
        if self.devices > 1 and self.accelerate_config is None:
            raise ValueError(f"devices {self.devices} need accelerate_config, the file that describes them: name it")
        return self

    @model_validator(mode="after")
    def _check_nodes(self) -> "Machine":
        if self.devices % self.nodes:
            raise ValueError(
                f"devices {self.devices} cannot be shared out evenly to nodes {self.nodes}: devices counts those of "
                "all nodes; make it a multiple"
            )
        return self

    @property
    def devices_of_node(self) -> int:
        """Devices on each node."""
        return self.devices // self.nodes

    @model_validator(mode="after")
    def _check_attention(self) -> "Machine":
        if self.attention == "flash_attention_2" and (self.device, self.precision) != ("cuda", "bfloat16"):
            raise ValueError(
                f"attention flash_attention_2 is for device cuda and precision bfloat16, not for {self.device} and "
                f"{self.precision}: set attention: sdpa"
            )
        return self


class Alarm(Section):
    """Where a step is called suspicious: the reward may be earned without looking."""

    copied: float = Field(0.5, ge=0, le=1, description="at this share of sentences that stand in the prompt, or more")
    distinct: float = Field(1.5, ge=1, description="below this mean number of different answers a group")
    precision: float = Field(
        0.3, ge=0, le=1, description="below this share of rewarded sentences that are right, where that is known"
    )


class Records(Section):
    """What a training run writes down while it runs."""

    checkpoint_every: Count = Field(50, description="steps between checkpoints to resume from")
    rollouts_every: Count = Field(10, description="steps between samples of responses in rollouts.jsonl")
    meaning: Literal["world"] | None = Field(
        None, description="who tells which rewarded sentences are right: the grammar of the drawn world, or nobody"
    )
    alarm: Alarm = Field(default_factory=Alarm)


class ColdStart(Section):
    """Chain-of-thought samples of a stronger model, for supervised fine-tuning before reinforcement learning."""

    source: PathText = Field(
        description="JSON Lines with prompt, images, completion; or 'truth': written from the micro world's truth"
    )
    samples: Count = 1000
    prompts: Literal["micro", "paper"] = Field("micro", description="the prompt set that 'truth' asks with")


class Part(Section):
    """Steps of a phase whose prompts come from some of its data sets, in proportion to their sizes."""

    data: list[str]
    steps: Count


class TrainOptions(Section):
    """All that one run of training depends on, beside its inputs and its seed."""

    phase: Phase
    machine: Machine
    records: Records
    parts: list[Part] = Field([], description="that the phase is made of, where it is made of other phases")

    @model_validator(mode="after")
    def _check_batch(self) -> "TrainOptions":
        _check_batch(self.phase, self.machine)
        _check_shared_prefix(self.phase, self.machine)
        _check_vllm(self.phase, self.machine)
        _check_checkpoints(self.phase, self.records)
        if not isinstance(self.phase.steps, int):
            raise ValueError(f"steps {self.phase.steps} must be a number here: `one_run` adds them up")
        _check_warmup(self.phase, self.phase.steps)
        return self

    @property
    def steps_between_samplings(self) -> int:
        """Optimizer steps on the same responses; a run can go on from a checkpoint only between such rounds."""
        return self.phase.updates_per_rollout if isinstance(self.phase, Grpo) else 1


class Training(Section):
    """The `training` section of a scale."""

    machine: Machine
    records: Records = Records()
    cold_start: ColdStart
    phases: Annotated[dict[str, Phase], LeaveOutNull] = Field(
        min_length=1, description="the phases that a lineage's name can be made of"
    )

    @model_validator(mode="after")
    def _check_phases(self) -> "Training":
        for name, phase in self.phases.items():
            if not re.fullmatch(r"[a-z0-9]{1,32}", name) or not name.islower() or name == BASE:
                raise ValueError(
                    f"phases.{name[:40]}: a phase's name becomes part of a path; "
                    "use small letters and digits, 32 at most"
                )
            try:
                _check_batch(phase, self.machine)
                _check_shared_prefix(phase, self.machine)
                _check_vllm(phase, self.machine)
                _check_checkpoints(phase, self.records)
                _check_warmup(phase, steps_of(self.phases, name))
                _check_parts(phase, parts_of(self.phases, name))
            except ValueError as error:
                raise ValueError(f"phases.{name}: {error}") from error
            if isinstance(phase, Grpo) and COLD_DATA in phase.data:
                raise ValueError(
                    f"phases.{name}.data {phase.data}: '{COLD_DATA}' has completions, no ground truth to reward; "
                    "use method: sft"
                )
        return self

    @property
    def data_of_phases(self) -> Mapping[str, list[str]]:
        """The data sets of every phase, as `viper.lineage.parse` wants them."""
        return {name: list(phase.data) for name, phase in self.phases.items()}

    def lineage(self, name: str, variants: Collection[str] = ()) -> Lineage:
        """Return the parts of the lineage `name` made of this section's phases and under one of these variants.

        Raises:
            ViperError: see `viper.lineage.parse`.
        """
        of_first = [phase for phase, section in self.phases.items() if section.data_from == "first"]
        return parse(name, self.data_of_phases, variants, of_first)

    def sections(self, phase: str) -> list[str]:
        """The sections of a scale that a phase depends on, but for the model's and the reward's."""
        steps = self.phases[phase].steps
        others = [] if isinstance(steps, int) else [f"training.phases.{other}" for other in steps]
        parts = [f"{other}.{key}" for other in others for key in ("data", "steps")]
        return [f"training.phases.{phase}", *parts, "training.machine", "training.records"]


def steps_of(phases: Mapping[str, Phase], name: str) -> int:
    """Optimizer steps of the phase `name`.

    Raises:
        ValueError: its steps are those of phases that do not exist or have no number of their own.
    """
    steps = phases[name].steps
    if isinstance(steps, int):
        return steps
    for other in steps:
        if other not in phases or not isinstance(phases[other].steps, int):
            numbered = [key for key, phase in phases.items() if isinstance(phase.steps, int)]
            raise ValueError(f"steps {steps}: '{other}' is no phase with a number of steps: {', '.join(numbered)}")
    return sum(phases[other].steps for other in steps)


def parts_of(phases: Mapping[str, Phase], name: str) -> list[Part]:
    """The parts of the phase `name`: one for each phase whose steps it takes, none where it has a number of its own."""
    steps = phases[name].steps
    others = [] if isinstance(steps, int) else steps
    return [Part(data=list(phases[other].data), steps=phases[other].steps) for other in others]


def one_run(training: Training, phase: str) -> TrainOptions:
    """What training takes to run `phase`, with its steps added up.

    Args:
        training: the section, or as much of it as `Training.sections` names.

    Raises:
        ViperError: no such phase.
    """
    if phase not in training.phases:
        raise ViperError(f"no phase '{phase}' in training.phases; there are: {', '.join(training.phases)}")
    resolved = training.phases[phase].model_copy(update={"steps": steps_of(training.phases, phase)})
    parts = parts_of(training.phases, phase)
    return TrainOptions(phase=resolved, machine=training.machine, records=training.records, parts=parts)


def _check_batch(phase: Grpo | Sft, machine: Machine) -> None:
    """A step must be made of whole passes of all devices.

    Raises:
        ValueError: it is not.
    """
    responses, devices = phase.responses_per_step, machine.devices
    per_round = phase.responses_per_pass * devices
    if responses % per_round:
        fitting = [] if responses % devices else _divisors(responses // devices)
        product = f" × rollouts {phase.rollouts}" if isinstance(phase, Grpo) else ""
        remedy = (
            f"set responses_per_pass to one of {', '.join(map(str, fitting))}"
            if fitting
            else f"make prompts_per_step a multiple of devices {devices}"
        )
        raise ValueError(
            f"prompts_per_step {phase.prompts_per_step}{product} = {responses} responses per step cannot be divided "
            f"by responses_per_pass {phase.responses_per_pass} × devices {devices}: {remedy}"
        )


def _divisors(number: int) -> list[int]:
    small = [n for n in range(1, math.isqrt(number) + 1) if number % n == 0]
    return sorted({*small, *(number // n for n in small)})


def _check_warmup(phase: Grpo | Sft, steps: int) -> None:
    """The learning rate must reach its height.

    Raises:
        ValueError: warm-up takes the whole phase or more.
    """
    if phase.warmup_steps >= steps:
        raise ValueError(f"warmup_steps {phase.warmup_steps}: the phase has {steps} steps; make it fewer than these")


def _check_parts(phase: Grpo | Sft, parts: list[Part]) -> None:
    """What is made of other phases trains on their data sets.

    Raises:
        ValueError: it names others.
    """
    of_parts = {name for part in parts for name in part.data}
    if parts and of_parts != set(phase.data):
        raise ValueError(
            f"data {phase.data}: the phases of steps {phase.steps} train on {', '.join(sorted(of_parts))}; "
            "name the same data sets, or give steps a number"
        )


def _check_checkpoints(phase: Grpo | Sft, records: Records) -> None:
    """A checkpoint does not hold sampled responses: an interrupted run must go on where new ones are sampled.

    Raises:
        ValueError: it would have to go on between two updates on the same responses.
    """
    if isinstance(phase, Grpo) and records.checkpoint_every % phase.updates_per_rollout:
        raise ValueError(
            f"updates_per_rollout {phase.updates_per_rollout}: records.checkpoint_every {records.checkpoint_every} "
            "is no multiple of it; make it one"
        )


def _check_shared_prefix(phase: Grpo | Sft, machine: Machine) -> None:
    """Sharing prompts keeps a cache with gradients, of one process.

    Raises:
        ValueError: another setting rules that out.
    """
    if not isinstance(phase, Grpo) or not phase.shared_prefix:
        return
    unfit = {
        f"machine.devices {machine.devices}": machine.devices > 1,
        "machine.gradient_checkpointing": machine.gradient_checkpointing,
        f"machine.attention {machine.attention}": machine.attention == "flash_attention_2",
        f"engine {phase.engine}": phase.engine != "transformers",
        "lora": phase.lora is not None,
    }
    for what, is_so in unfit.items():
        if is_so:
            raise ValueError(f"shared_prefix does not go together with {what}: set shared_prefix to false")


def _check_vllm(phase: Grpo | Sft, machine: Machine) -> None:
    """TRL has vLLM take all responses of a sampling at once, on each device its share.

    Raises:
        ValueError: there are more than it takes.
    """
    if not isinstance(phase, Grpo) or phase.engine == "transformers":
        return
    responses = phase.prompts_per_rollout * phase.rollouts // machine.devices
    if responses > MOST_AT_ONCE:
        raise ValueError(
            f"{phase.prompts_per_rollout} prompts × rollouts {phase.rollouts} are sampled at once, {responses} on each "
            f"device, and vLLM takes {MOST_AT_ONCE}: lower updates_per_rollout, or set engine to transformers"
        )
