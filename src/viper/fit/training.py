"""What a training phase takes of each GPU and of the machine: rollouts, updates, checkpoints."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from viper.config.schema import Scale
from viper.config.training import MOST_AT_ONCE, Grpo, TrainOptions, one_run
from viper.config.values import has_place, value_at
from viper.config.yaml_file import read_yaml
from viper.fit import passes
from viper.fit.descriptions import Description, describe
from viper.fit.lengths import longest_prompt
from viper.fit.step import ASLEEP, LIBRARIES, PROCESS, SCATTERED, Parts, Planned, Step
from viper.models.location import locate

COMPLETION = 1024  # tokens of what fine-tuning learns by heart; its data sets do not say before they are there
SENTENCE = 64  # tokens of a sentence that the embedder reads
_GATHERED = 3  # blocks at once: the one that runs, the next, and the one before until it is given back
_WHOLE, _SHARDED, _KEPT = "whole", "sharded", "kept"


def training(phase: str, engine: str) -> Planned:
    """The forecast of one phase.

    Args:
        phase: its name in `training.phases`.
        engine: 'vllm' or 'transformers': what `engine: auto` stands for.
    """
    return Planned(f"train {phase}", partial(_step, phase, engine), partial(_levers, phase, engine))


def rollout_engine(phase: str) -> Planned:
    """The forecast of vLLM in the share of each GPU that it has while a phase trains."""
    return Planned(f"vLLM in train {phase}", partial(_engine_step, phase), partial(_engine_levers, phase))


def uses_vllm(scale: Scale, phase: str, engine: str) -> bool:
    """Whether a phase samples with vLLM, where `auto` stands for `engine`."""
    section = scale.training.phases[phase]
    return isinstance(section, Grpo) and (engine if section.engine == "auto" else section.engine) == "vllm"


@dataclass(frozen=True)
class Sharding:
    """How weights lie on the devices.

    Attributes:
        weights: 'whole': on each; 'sharded': in parts, gathered block by block; 'kept': in parts, all gathered after
            the forward pass.
        offloads: whether what is sharded lies in the machine's memory.
    """

    weights: str
    offloads: bool = False


def sharding(scale: Scale) -> Sharding:
    """How a scale's accelerate configuration lays weights out.

    Raises:
        ViperError: the file cannot be read.
    """
    path = scale.training.machine.accelerate_config
    launcher = read_yaml(path) if path and Path(path).is_file() else {}
    if launcher.get("distributed_type") != "FSDP":
        return Sharding(_WHOLE)
    section = launcher.get("fsdp_config") or {}
    kept = str(section.get("fsdp_reshard_after_forward", True)).lower() in ("false", "no_shard", "shard_grad_op")
    offloads = str(section.get("fsdp_offload_params", False)).lower() == "true"
    return Sharding(_KEPT if kept else _SHARDED, offloads)


def _describe(scale: Scale) -> Description:
    return describe(scale.models.vlm.path, scale.models.hub.get("vlm"))


def _batch(scale: Scale, options: TrainOptions) -> passes.Batch:
    """One pass of a phase, with the longest prompt of its data sets and the longest completion."""
    phase, prompt = options.phase, longest_prompt(scale, _describe(scale).config, options.phase.data)
    completion = phase.max_completion_length if isinstance(phase, Grpo) else COMPLETION
    return passes.Batch(phase.responses_per_pass, prompt.text, prompt.pictures, prompt.pixels, completion)


def _update(scale: Scale, options: TrainOptions, batch: passes.Batch, *, is_sharded: bool) -> passes.Update:
    phase, machine = options.phase, options.machine
    return passes.update(
        _describe(scale),
        batch,
        sharded=is_sharded,
        precision=machine.precision,
        checkpointing=machine.gradient_checkpointing,
        lora=phase.lora,
        freeze_vision=phase.freeze_vision,
        on_gpu=machine.device == "cuda",
    )


def _step(phase_name: str, engine: str, scale: Scale) -> Step:
    options = one_run(scale.training, phase_name)
    phase, how = options.phase, sharding(scale)
    batch = _batch(scale, options)
    update = _update(scale, options, batch, is_sharded=how.weights != _WHOLE)
    standing = _standing(scale, options, update, how)
    updating = {
        **standing,
        **_gathered(update, how, all_at_once=how.weights == _KEPT),
        "gradients": _gradients(options, update, how),
        "activations": update.activations * (1 + SCATTERED),
    }
    stages = {"updating": updating}
    if isinstance(phase, Grpo):
        stages = _rewarded_stages(scale, phase_name, engine, batch, update, standing, updating)
    return Step(
        f"train {phase_name}",
        stages,
        _host(scale, options, batch, update, how),
        place="training.machine",
        notes=(f"{update.trained / 1e9:.2f} of {update.parameters / 1e9:.2f} billion parameters are trained",),
    )


def _rewarded_stages(
    scale: Scale,
    phase_name: str,
    engine: str,
    batch: passes.Batch,
    update: passes.Update,
    standing: dict[str, float],
    updating: dict[str, float],
) -> dict[str, Parts]:
    """Sampling, then scoring what was sampled, then updating.

    The pictures of a sampling are on the device once a prompt (`viper.training.prompts_once`); each pass has those of
    its responses besides, and transformers those of all responses while it samples.
    """
    options, how = one_run(scale.training, phase_name), sharding(scale)
    pixels = _pixels(scale, batch, _prompts(options))
    gathered = _gathered(update, how, all_at_once=how.weights == _KEPT)
    asleep, awake = _engine_memory(scale, phase_name, engine)
    resting = _embedder(scale, at_work=False)
    read = replace(batch, text=batch.text + batch.completion, completion=0)
    reading = passes.reading(_describe(scale), read, options.machine.precision, has_masters=how.weights == _WHOLE)
    sampling = _sampling(scale, phase_name, engine, batch, update, how)
    asked = 0 if uses_vllm(scale, phase_name, engine) else _pixels(scale, batch, _responses(options))
    in_a_pass = pixels + _pixels(scale, batch, batch.rows)
    return {
        "sampling": {**standing, **resting, **sampling, "pixels": pixels + asked, **awake},
        "scoring": {
            **standing, **_embedder(scale, at_work=True), **gathered, "pixels": in_a_pass,
            "reading responses": reading * (1 + SCATTERED), **asleep,
        },
        "updating": {**updating, **resting, "pixels": in_a_pass, **asleep},
    }  # fmt: skip


def _engine_memory(scale: Scale, phase_name: str, engine: str) -> tuple[dict[str, float], dict[str, float]]:
    """What vLLM has of each GPU while nothing is asked, and while it samples."""
    if not uses_vllm(scale, phase_name, engine):
        return {}, {}
    share = scale.training.phases[phase_name].vllm
    awake = share.gpu_share * scale.fit.bytes
    return {"vLLM": min(ASLEEP, awake) if share.sleep else awake}, {"vLLM": awake}


def _standing(scale: Scale, options: TrainOptions, update: passes.Update, how: Sharding) -> dict[str, float]:
    """What is there all the time, on each device."""
    devices = options.machine.devices if how.weights != _WHOLE else 1
    there = 0 if how.offloads else 1 / devices
    return {
        "weights": 4 * update.parameters * there,
        "optimizer": 8 * update.trained * there,
        "libraries": LIBRARIES if options.machine.device == "cuda" else 0.0,
    }


def _gathered(update: passes.Update, how: Sharding, *, all_at_once: bool) -> dict[str, float]:
    """What FSDP holds of the weights in half precision, besides its part."""
    if how.weights == _WHOLE:
        return {}
    some = min(update.parameters, _GATHERED * update.block + update.ends)
    return {"weights gathered": 2.0 * (update.parameters if all_at_once else some)}


def _gradients(options: TrainOptions, update: passes.Update, how: Sharding) -> float:
    """Bytes of gradients while a pass runs.

    accelerate lets FSDP2 add gradients up over devices in a step's last pass alone (`no_sync`), and so each device
    keeps those of all weights until then, in half precision.
    """
    phase, machine = options.phase, options.machine
    if how.weights == _WHOLE:
        return 4.0 * update.trained
    own = 0 if how.offloads else 4 * update.trained / machine.devices
    passing = min(update.trained, _GATHERED * update.block + update.ends) * 2
    passes_a_step = phase.responses_per_step // (phase.responses_per_pass * machine.devices)
    if passes_a_step > 1 and not machine.sync_each_batch:
        return max(2 * update.trained, own + passing)
    return own + passing


def _responses(options: TrainOptions) -> int:
    """Responses that a device samples at once."""
    phase = options.phase
    return phase.prompts_per_rollout * phase.responses_per_prompt // options.machine.devices


def _prompts(options: TrainOptions) -> int:
    """Distinct prompts of the responses that a device samples at once."""
    return math.ceil(_responses(options) / options.phase.responses_per_prompt)


def _pixels(scale: Scale, batch: passes.Batch, prompts: int) -> float:
    """Pictures of so many prompts as the processor made them, which is how they lie on the device."""
    return prompts * batch.pictures * float(passes.picture_bytes(_describe(scale).config, batch.pixels))


def _embedder(scale: Scale, *, at_work: bool) -> dict[str, float]:
    """The reward's embedder, of which every process has one."""
    section = scale.reward.embedder
    if section.device == "cpu":
        return {}
    pinned = scale.models.hub.get("embedder")
    folder = section.path if pinned else locate(section.path)
    weights, activations = passes.embedding(describe(folder, pinned), section.batch_size, SENTENCE)
    return {"embedder": float(weights + (activations if at_work else 0))}


def _sampling(
    scale: Scale, phase_name: str, engine: str, batch: passes.Batch, update: passes.Update, how: Sharding
) -> dict[str, float]:
    """What sampling takes besides: vLLM's own step says how it lives in its share."""
    options = one_run(scale.training, phase_name)
    if uses_vllm(scale, phase_name, engine):
        return _gathered(update, how, all_at_once=False)
    prompts = passes.Batch(_responses(options), batch.text, batch.pictures, batch.pixels)
    config, precision = _describe(scale), options.machine.precision
    reading = passes.reading(config, prompts, precision, has_masters=how.weights == _WHOLE)
    cache = passes.cache_bytes(config.config) * prompts.rows * options.phase.max_completion_length
    cache *= 2 if precision == "float32" else 1
    return {
        **_gathered(update, how, all_at_once=how.weights == _KEPT),
        "reading prompts": reading * (1 + SCATTERED),
        "keys and values": float(cache),
    }


def _host(
    scale: Scale, options: TrainOptions, batch: passes.Batch, update: passes.Update, how: Sharding
) -> dict[str, Parts]:
    """What a node holds while weights are read, while a checkpoint is gathered, and while the last is written.

    Of several nodes it is the first. Of a sharded model the first process alone reads weights
    (`fsdp_cpu_ram_efficient_loading`), and gets all of weights and optimizer to write them (`FULL_STATE_DICT`). At the
    end it reads what it wrote once more, to cast it.
    """
    machine = options.machine
    readers = 1 if how.weights != _WHOLE else machine.devices_of_node
    own = {"processes": PROCESS * machine.devices_of_node}
    pictures = passes.picture_bytes(_describe(scale).config, batch.pixels) * batch.pictures
    # Prompts of a sampling are processed one by one, put together, and the distinct ones picked.
    at_once = 3 * _prompts(options) if _is_grpo(options) else 2 * batch.rows
    own["pictures of a sampling"] = float(pictures * at_once * machine.devices_of_node)
    own["rows"] = _rows(scale, options)
    if how.offloads:
        own["weights and optimizer"] = (4 * update.parameters + 12.0 * update.trained) / machine.nodes
    whole = 4.0 * update.parameters
    return {
        "reading weights": {**own, "weights": whole * readers},
        "writing a checkpoint": {**own, "weights": whole, "optimizer": 8.0 * update.trained},
        "writing the result": {**own, "weights": whole, "weights cast": whole / 2},
    }


def _is_grpo(options: TrainOptions) -> bool:
    return isinstance(options.phase, Grpo)


def _rows(scale: Scale, options: TrainOptions) -> float:
    """Bytes of the distinct rows of a phase's data sets, whose pictures are files of about a megabyte and a half."""
    from viper.cost.rates import read_rates

    sizes = {"csr": (scale.synthesis.csr_size, 1), "vop": (scale.synthesis.vop_size, 2)}
    sizes["cold"] = (scale.training.cold_start.samples, 1)
    picture = read_rates().photograph.megabytes * 1e6
    return sum(rows * pictures * picture for rows, pictures in (sizes[name] for name in options.phase.data))


def _levers(phase_name: str, engine: str, scale: Scale) -> Mapping[str, list]:
    """What makes a phase take less, of what the scale has."""
    options = one_run(scale.training, phase_name)
    phase, machine = options.phase, options.machine
    of_phase = f"training.phases.{phase_name}"
    found: dict[str, list] = {}
    if not machine.gradient_checkpointing:
        found["training.machine.gradient_checkpointing"] = [True]
    if machine.devices > 1 and has_place(scale, "training.machine.sync_each_batch"):
        found["training.machine.sync_each_batch"] = [True]
    if sharding(scale).weights == _KEPT:
        found["training.machine.accelerate_config"] = ["envs/accelerate/7b.yaml"]
    if uses_vllm(scale, phase_name, engine) and has_place(scale, f"{of_phase}.vllm.sleep"):
        found[f"{of_phase}.vllm.sleep"] = [True]
        found[f"{of_phase}.vllm.gpu_share"] = [_least_share(scale, phase_name)]
    if value_at(scale, f"{of_phase}.updates") == "parts":
        found[f"{of_phase}.updates"] = ["one"]  # fewer pictures at once; the clip then never acts
    share = phase.responses_per_step // machine.devices
    fewer = [each for each in range(phase.responses_per_pass - 1, 0, -1) if share % each == 0]
    if fewer:
        found[f"{of_phase}.responses_per_pass"] = fewer
    if scale.reward.embedder.device != "cpu" and _is_grpo(options):
        found["reward.embedder.device"] = ["cpu"]
    if most := scale.models.vlm.processor.get("max_pixels"):
        found["models.vlm.processor.max_pixels"] = [most // 2]
    return {place: values for place, values in found.items() if values != [value_at(scale, place)]}


# --- vLLM beside training


def _engine_step(phase_name: str, scale: Scale) -> Step:
    from viper.fit.inference import Limits, engine_parts

    options = one_run(scale.training, phase_name)
    prompt, share = longest_prompt(scale, _describe(scale).config, options.phase.data), options.phase.vllm
    asked, responses = [(prompt, options.phase.max_completion_length)], _responses(options)
    # TRL lets vLLM work on all responses of a sampling at once.
    parts, length, note = engine_parts(_describe(scale), share, asked, responses, Limits(MOST_AT_ONCE, responses))
    room = share.gpu_share * scale.fit.bytes
    cache = room - sum(size for name, size in parts.items() if name != "one sequence")
    return Step(
        f"vLLM in train {phase_name}",
        {"starting": parts},
        room=room,
        place="training.machine",
        length=length,
        notes=(note(cache),),
    )


def _engine_levers(phase_name: str, scale: Scale) -> Mapping[str, list]:
    of_phase = f"training.phases.{phase_name}"
    if not has_place(scale, f"{of_phase}.vllm.max_length"):
        return {}
    options = one_run(scale.training, phase_name)
    config = _describe(scale).config
    needed = longest_prompt(scale, config, options.phase.data).tokens(config)
    longest = _rounded(needed + options.phase.max_completion_length)
    found = {f"{of_phase}.vllm.max_length": [longest]}
    found[f"{of_phase}.vllm.gpu_share"] = [_least_share(scale, phase_name)]
    return {place: values for place, values in found.items() if values != [value_at(scale, place)]}


def _rounded(tokens: int) -> int:
    return math.ceil(tokens / 256) * 256


def _least_share(scale: Scale, phase_name: str) -> float:
    """The smallest share of a GPU, in twentieths, in which vLLM starts."""
    parts = _engine_step(phase_name, scale).stages["starting"]
    return min(0.95, math.ceil(20 * sum(parts.values()) / scale.fit.bytes) / 20)
