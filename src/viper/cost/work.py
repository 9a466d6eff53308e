"""How much a job has to do, from the parameters of its scale, and what that takes at given rates."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from statistics import fmean
from typing import Literal

from viper.config.evaluation import Evaluation, asking_of, vlm_section
from viper.config.models import PipelineSection
from viper.config.schema import Scale
from viper.config.training import Grpo, one_run
from viper.cost.rates import Rates
from viper.evaluation import world
from viper.layout import PILOT
from viper.lineage import BASE, phase_of, variant_of
from viper.manifest import MANIFEST
from viper.workflow.graph import Job

Part = Literal["vlm", "painter", "editor"]
Unit = Literal["token", "read", "sampled", "trained", "example", "denoising", "looped", "shown"]
_SCORING = 1 / 4  # of an update: a forward pass alone, where the backward pass goes forward once more (checkpointing)
_SHORT = 128  # tokens of an answer that is not asked to reason: some 80 for reading its prompt, and a few words
_READ = 1280  # tokens of a picture that the rate of a token of an answer counts with its prompt
_TOKEN = 28 * 28  # pixels of a token of a picture (Qwen2.5-VL)
_UPDATING = 3  # times as many rounds through a picture's windows as a forward pass: forward, once more, and backward


@dataclass(frozen=True)
class Work:
    """What one job does with one model.

    Attributes:
        part: the model.
        amounts: how many of each unit of rates.yaml, on each device.
        pictures: how many pictures the job leaves on disk.
        checkpoints: how many checkpoints.
    """

    part: Part
    amounts: Mapping[Unit, float]
    pictures: float = 0
    checkpoints: int = 0


@dataclass(frozen=True)
class Estimate:
    """What a job takes.

    Attributes:
        seconds: from start to end.
        bytes: what it leaves on disk.
        basis: measured by a run in this folder; an estimate by rates.yaml; or the limit that the job itself sets.
    """

    seconds: float
    bytes: float
    basis: Literal["measured", "estimate", "limit"]


def estimate(job: Job, scale: Scale, rates: Rates) -> Estimate:
    """What a job takes by the rates; where these do not know, its own time limit ('limit'), which is no less."""
    if job.benchmark is None:
        return Estimate(0, 0, "measured")  # a rule that only collects
    scale = scale.under(variant_of(job.wildcards.get("lineage", BASE)))
    if job.rule in WORK:
        found = WORK[job.rule](job, scale, rates)
        return _with_model(found, scale, rates) or _limit(job) if isinstance(found, Work) else found or _limit(job)
    for pattern, seconds in (rates.light | rates.guessed).items():
        if fnmatch(job.rule, pattern):
            return Estimate(seconds, 0, "estimate")
    return _limit(job)


def _limit(job: Job) -> Estimate:
    return Estimate(60 * (job.minutes or 0), 0, "limit")


def _with_model(work: Work, scale: Scale, rates: Rates) -> Estimate | None:
    rate = rates.models.get(_name(scale, work.part))
    needed = {unit: amount for unit, amount in work.amounts.items() if amount}
    if rate is None or any(getattr(rate, unit) is None for unit in needed):
        return None
    seconds = sum(amount * getattr(rate, unit) for unit, amount in needed.items())
    disk = work.pictures * rate.picture * 1e6 + work.checkpoints * rate.gigabytes * 1e9
    return Estimate(rate.start + seconds, disk, "estimate")


def _name(scale: Scale, part: Part) -> str:
    """The model's name on the hub, without its revision, or else its folder."""
    hub = scale.models.hub.get(part)
    return hub.partition("@")[0] if hub else getattr(scale.models, part).path


# --- the work of each step that does not take the same number of seconds at every scale


def _collect_images(job: Job, scale: Scale, rates: Rates) -> Estimate:
    number = scale.images.number
    return Estimate(number * rates.photograph.seconds, number * rates.photograph.megabytes * 1e6, "estimate")


def _fetch_model(job: Job, scale: Scale, rates: Rates) -> Estimate | None:
    rate = rates.models.get(f"{job.wildcards['owner']}/{job.wildcards['repository']}")
    return Estimate(rate.gigabytes * 1e3 / rates.download, rate.gigabytes * 1e9, "estimate") if rate else None


def _assemble_datasets(job: Job, scale: Scale, rates: Rates) -> Estimate:
    """Both data sets hold their pictures once more: seed images, and of pairs the edited ones."""
    synthesis, editor = scale.synthesis, rates.models.get(_name(scale, "editor"))
    edited = editor.picture if editor else 0
    seed = rates.photograph.megabytes if scale.images.source != "world" else edited
    pairs = synthesis.vop_size + synthesis.vop_held_out
    disk = 1e6 * (synthesis.csr_size * seed + pairs * (seed + edited))
    return Estimate(rates.light[job.rule], disk, "estimate")


def _images(job: Job, scale: Scale) -> float:
    """Seed images of the job's shard."""
    if job.wildcards.get("shard") == PILOT:
        return scale.synthesis.pilot.images
    return scale.images.all_images / scale.images.all_shards


def _caption_images(job: Job, scale: Scale, rates: Rates) -> Work:
    return Work("vlm", {"token": _images(job, scale) * scale.synthesis.caption.max_new_tokens})


def _critique_captions(job: Job, scale: Scale, rates: Rates) -> Work:
    critique = scale.synthesis.critique
    is_asked = critique.picture == "image"  # otherwise for a second caption
    tokens = critique.answers * critique.max_new_tokens if is_asked else scale.synthesis.caption.max_new_tokens
    return Work("vlm", {"token": _images(job, scale) * tokens})


def _refine_captions(job: Job, scale: Scale, rates: Rates) -> Work:
    synthesis = scale.synthesis
    opinions = synthesis.opinions.captions * synthesis.caption.max_new_tokens
    tokens = synthesis.refine.max_new_tokens + synthesis.entities.max_new_tokens + opinions
    return Work("vlm", {"token": _images(job, scale) * synthesis.vop_share * tokens})


def _reconstruct_images(job: Job, scale: Scale, rates: Rates) -> Work:
    images = _images(job, scale)
    return Work("painter", {"denoising": images * _passes(scale.models.painter)}, pictures=images)


def _edit_images(job: Job, scale: Scale, rates: Rates) -> Work:
    images, synthesis = _images(job, scale) * scale.synthesis.vop_share, scale.synthesis
    calls = (1 + synthesis.operations.max_operations) / 2 if synthesis.edit.one_by_one else 1
    if synthesis.operations.premise == "added":
        calls += 1 - ("add" in synthesis.operations.types) / len(synthesis.operations.types)  # what is added first
    return Work("editor", {"denoising": images * calls * _passes(scale.models.editor)}, pictures=images)


def _passes(pipeline: PipelineSection) -> float:
    """Denoising passes of one picture: twice its steps where guidance needs the picture without the prompt too."""
    arguments = pipeline.arguments
    is_guided = arguments.get("true_cfg_scale", arguments.get("guidance_scale", 1.0)) > 1
    return arguments.get("num_inference_steps", 50) * (2 if is_guided else 1)


def _train(job: Job, scale: Scale, rates: Rates) -> Work:
    """Sampling, the forward passes that read what was sampled, and the updates; pictures are gone through in each."""
    options = one_run(scale.training, phase_of(job.wildcards["lineage"]))
    phase, devices = options.phase, options.machine.devices
    trained = phase.steps * phase.responses_per_step / devices
    pictures = fmean(_PICTURES[name] for name in phase.data)
    if not isinstance(phase, Grpo):
        looped = _UPDATING * trained * pictures if _is_looped(scale) else 0
        return Work("vlm", {"example": trained, "looped": looped, "shown": trained * pictures}, checkpoints=1)
    sampled = phase.prompts_of(phase.steps) * phase.responses_per_prompt / devices
    read = sampled * _readings(phase)
    looped = (_UPDATING * trained + read) * pictures if _is_looped(scale) else 0
    tokens = phase.max_completion_length
    return Work(
        "vlm",
        {
            "sampled": sampled * tokens,
            "trained": (trained + read * _SCORING) * tokens,
            "looped": looped,
            "shown": phase.prompts_of(phase.steps) / devices * pictures,
        },
        checkpoints=1,
    )


_PICTURES = {"csr": 1, "vop": 2, "cold": 1}  # data set → pictures of a prompt


def _readings(phase: Grpo) -> int:
    """Forward passes over each sampled response besides the updates.

    TRL reads what was sampled once where later updates need the ratio to the policy that sampled, or where vLLM's
    probabilities are corrected, and once with the reference model where there is a KL term.
    """
    corrects = phase.engine != "transformers" and phase.vllm.correction.mode != "none"
    return int(phase.updates_per_rollout > 1 or corrects) + int(phase.beta > 0)


def _is_looped(scale: Scale) -> bool:
    """Whether the vision tower takes a picture window by window, as Qwen2.5-VL's does without flash attention."""
    return scale.training.machine.attention != "flash_attention_2"


def _answer(evaluation: Evaluation, lineage: str) -> int:
    """Tokens of an answer: as many as are allowed, or a word or two of a control that is not asked to reason."""
    asking, usual = asking_of(evaluation, lineage), evaluation.asking
    is_short = bool(usual.instruction) and not asking.instruction and not asking.begin
    return min(_SHORT, usual.max_new_tokens) if is_short else usual.max_new_tokens


def _evaluate(job: Job, scale: Scale, rates: Rates) -> Work | None:
    evaluation = scale.evaluation
    answer = _answer(evaluation, job.wildcards.get("lineage", BASE))
    size, names = evaluation.splits[job.wildcards["split"]].size, evaluation.names
    if evaluation.source == "world":
        rows = size * sum(map(world.rows_an_item, names))
        return Work("vlm", {"token": rows * answer})
    known = [rates.items.get(name) for name in names]
    if None in known:
        return None
    items = {name: min(number, size or number) for name, number in zip(names, known, strict=True)}
    processor = vlm_section(evaluation, scale.models.vlm).processor
    largest = processor.get("max_pixels", float("inf")) / _TOKEN
    more = {name: max(0.0, min(rates.shown.get(name, 0), largest) - _READ) for name in names}
    read = sum(number * more[name] for name, number in items.items())
    return Work("vlm", {"token": sum(items.values()) * answer, "read": read})


def _measure_attention(job: Job, scale: Scale, rates: Rates) -> Work | None:
    return Work("vlm", {"example": scale.synthesis.vop_held_out * _SCORING})


# Rule → what counts its work, or says at once what it takes; None where the rates do not know. Every other rule has its
# seconds in rates.yaml.
WORK: dict[str, Callable[[Job, Scale, Rates], Work | Estimate | None]] = {
    "collect_images": _collect_images,
    "fetch_model": _fetch_model,
    "assemble_datasets": _assemble_datasets,
    "caption_images": _caption_images,
    "reconstruct_images": _reconstruct_images,
    "critique_captions": _critique_captions,
    "refine_captions": _refine_captions,
    "edit_images": _edit_images,
    "train": _train,
    "evaluate": _evaluate,
    "evaluate_base": _evaluate,
    "measure_attention": _measure_attention,
}


def disk_of(job: Job) -> int:
    """Bytes that a finished job has left: its outputs, and of a manifest the files that it lists."""
    paths = [Path(name) for name in job.outputs if Path(name).is_file()]
    listed = [json.loads(path.read_text(encoding="utf-8"))["files"].values() for path in paths if path.name == MANIFEST]
    return sum(path.stat().st_size for path in paths) + sum(file["bytes"] for files in listed for file in files)
