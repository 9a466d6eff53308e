"""One run of training: from a parent's checkpoint and data sets to a checkpoint, resumable in between."""

import json
import logging
import shutil
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import viper.models.torchvision_shim  # noqa: F401  (before transformers touches torchvision)

import torch  # isort: skip
from accelerate import PartialState
from transformers import Trainer, set_seed

from viper import digests
from viper.config.models import Lens
from viper.config.training import Grpo, TrainOptions
from viper.errors import ViperError
from viper.files import atomic_write
from viper.manifest import MANIFEST, model_folder, sha256, write_manifest
from viper.models.engine import pick_engine
from viper.models.pretrained import load_model, load_processor, vision_token_ids
from viper.startup import log_ready
from viper.training import data, grpo, sft, world
from viper.training.checkpoints import CheckpointSealer, SaverBeforeTheEnd, last_whole, restore_records, step_of
from viper.training.common import freeze_vision_tower, require_gpus
from viper.training.image_counts import count_images
from viper.training.lora import lora_config, save_whole
from viper.training.records import MetricsWriter, RolloutWriter
from viper.training.vllm_rollouts import stage_for_engine

log = logging.getLogger(__name__)

CONFIG = "training_config.json"
ROWS = "rows"  # folder in the work folder: the data sets as training reads them
PACKAGES = (
    "torch",
    "transformers",
    "trl",
    "peft",
    "accelerate",
    "datasets",
    "tokenizers",
    "safetensors",
    "numpy",
    "pillow",
)


@dataclass(frozen=True)
class Places:
    """Where a run reads and writes.

    Attributes:
        parent: manifest of the checkpoint to start from.
        data: Parquet files, see `viper.training.data.copy_rows`.
        work: folder for what an interrupted run goes on from; removed after success.
        model: folder of the trained checkpoint; its manifest.json is written last.
        metrics: CSV file, see `viper.training.records`.
        rollouts: JSON Lines of sampled responses, see there.
    """

    parent: Path
    data: tuple[Path, ...]
    work: Path
    model: Path
    metrics: Path
    rollouts: Path


def train(
    options: TrainOptions,
    places: Places,
    *,
    seed: int,
    scorer: grpo.Scorer | None = None,
    processor_options: dict[str, int] | None = None,
    lens: Lens | None = None,
    notes: dict[str, Any] | None = None,
) -> None:
    """Train one phase and write its checkpoint, metrics and sampled responses.

    The same options, inputs, seed and notes give the same bytes of weights, interrupted or not. A run that was
    interrupted goes on from its last checkpoint in the work folder if nothing that it depends on has changed.

    Args:
        scorer: the reward; needed by phases whose method is grpo.
        processor_options: of AutoProcessor.from_pretrained, such as max_pixels; kept with the checkpoint.
        lens: what the model sees every picture through; recorded, and no part of the checkpoint.
        notes: what else the result depends on and should be recorded, such as the reward's parameters.

    Raises:
        ViperError: an input is missing or unusable.
    """
    if isinstance(options.phase, Grpo) and scorer is None:
        raise ViperError("method grpo needs a reward: pass --reward")
    if len(places.data) != len(options.phase.data):
        raise ViperError(
            f"--data names {len(places.data)} files, the phase trains on {len(options.phase.data)} data sets: name one"
            f" for each of {', '.join(options.phase.data)}, in this order"
        )
    require_gpus(options.machine)
    options = _with_engine(options)
    phase = options.phase
    torch.set_num_threads(options.machine.threads)
    # Deterministic kernels are enough: filling every torch.empty with NaN besides, as PyTorch then does by default,
    # only costs time (a second per step at micro scale, in the buffer of TRL's log-probabilities).
    torch.utils.deterministic.fill_uninitialized_memory = False
    recipe = {
        "seed": seed,
        "options": options.model_dump(mode="json", exclude={"machine": {"job", "nodes"}}),
        "processor": processor_options or {},
        **({"lens": lens.model_dump(mode="json")} if lens else {}),
        **(notes or {}),
        "parent": {"path": places.parent.as_posix(), "sha256": _digest(places.parent)},
        "data": [{"path": path.as_posix(), "sha256": _digest(path)} for path in places.data],
        "versions": {package: version(package) for package in PACKAGES},
    }
    # Several processes may share the work folder: the first one prepares it, the others find it prepared.
    with PartialState(cpu=options.machine.device == "cpu").main_process_first():
        resume_from = _prepare_work(places.work, recipe)

    set_seed(seed)
    trainer = _build_trainer(options, places, seed, scorer, processor_options or {}, lens, resume_from)
    log_ready()
    done = step_of(resume_from) if resume_from else 0
    log.info("training %d steps from %s, %d done", phase.steps, places.parent.parent, done)
    trainer.train(resume_from_checkpoint=str(resume_from) if resume_from else None)
    _save(trainer, options, places, recipe)


def _with_engine(options: TrainOptions) -> TrainOptions:
    """The options with the engine that is really used in place of 'auto': it is part of the record."""
    if not isinstance(options.phase, Grpo):
        return options
    engine = pick_engine(options.phase.engine, has_gpu=options.machine.device == "cuda")
    return options.model_copy(update={"phase": options.phase.model_copy(update={"engine": engine})})


def _digest(path: Path) -> str:
    if not path.is_file():
        raise ViperError(f"{path} is missing: run the rule that makes it")
    digests.check(path)
    return sha256(path)


def _prepare_work(work: Path, recipe: dict[str, Any]) -> Path | None:
    """Return the checkpoint to go on from, or None after emptying the work folder of another or no recipe."""
    note = work / "recipe.json"
    content = json.dumps(recipe, indent=2).encode()
    if note.is_file() and note.read_bytes() == content:
        if checkpoint := last_whole(work):
            restore_records(checkpoint, work)
        return checkpoint
    if work.exists():
        log.info("what is in %s belongs to another configuration: starting from the first step", work)
        shutil.rmtree(work)
    work.mkdir(parents=True)
    with atomic_write(note) as partial:
        partial.write_bytes(content)
    return None


def _build_trainer(
    options: TrainOptions,
    places: Places,
    seed: int,
    scorer: grpo.Scorer | None,
    processor_options: dict[str, int],
    lens: Lens | None,
    resume_from: Path | None,
) -> Trainer:
    phase = options.phase
    folder = model_folder(places.parent)
    # Not left to the trainer: transformers 5.23 resumes with strict=False on key names that its own save_pretrained has
    # renamed, so a Qwen2.5-VL would silently go on with the parent's weights.
    # Adapters are the trainer's own to load, on top of the parent.
    weights = resume_from if resume_from and phase.lora is None else folder
    model = load_model(weights, torch.float32, options.machine.attention)
    processor = load_processor(folder, lens, padding_side="left", **processor_options)
    count_images(model)
    if phase.freeze_vision:
        freeze_vision_tower(model)
    is_resumed = resume_from is not None
    with PartialState().main_process_first():
        is_corrected = isinstance(phase, Grpo) and phase.is_corrected
        metrics = MetricsWriter(
            places.work / "train.csv", is_resumed, is_corrected=is_corrected, alarm=options.records.alarm
        )
        callbacks = [
            metrics,
            SaverBeforeTheEnd(options.steps_between_samplings),
            CheckpointSealer(places.work),
        ]
        rollouts = RolloutWriter(
            places.work / "rollouts.jsonl", options.records.rollouts_every, phase.responses_per_prompt, is_resumed
        )
    if isinstance(phase, Grpo):
        dataset = data.lay_out(options, places.data, places.work / ROWS, seed)
        config = grpo.build_config(options, suppress_tokens=vision_token_ids(model.config), seed=seed, work=places.work)
        if config.use_vllm:
            with PartialState().main_process_first():
                stage_for_engine(model, processor, folder, places.work / "engine")
        meaning = world.meaning() if options.records.meaning == "world" else None
        function = grpo.RewardFunction(scorer, rollouts, meaning)
        return grpo.build_trainer(
            model, processor, dataset, function, config, callbacks,
            shared_prefix=phase.shared_prefix, vllm=phase.vllm, peft_config=lora_config(phase),
        )  # fmt: skip
    dataset = data.lay_out(options, places.data, places.work / ROWS, seed)
    config = sft.build_config(options, seed=seed, work=places.work)
    return sft.build_trainer(model, processor, dataset, config, callbacks, peft_config=lora_config(phase))


def _save(trainer: Trainer, options: TrainOptions, places: Places, recipe: dict[str, Any]) -> None:
    """Write the trained checkpoint and its records in one go, then remove the work folder."""
    final, gathered = places.work / "final", places.work / "gathered"
    trainer.save_model(str(gathered))  # on every process: sharded weights are gathered
    if not trainer.is_world_process_zero():
        return
    # Written once more: adapters are merged in, weights cast, and a tied head that sharding wrote twice is one again.
    parent = model_folder(places.parent) if options.phase.lora else None
    save_whole(gathered, final, adapters_of=parent, dtype=getattr(torch, options.machine.precision))
    trainer.processing_class.save_pretrained(final)
    arguments = json.loads(trainer.args.to_json_string())
    (final / CONFIG).write_text(json.dumps({**recipe, "trainer": arguments}, indent=2) + "\n", encoding="utf-8")
    write_manifest(final)
    for source, target in (
        (places.work / "train.csv", places.metrics),
        (places.work / "rollouts.jsonl", places.rollouts),
    ):
        with atomic_write(target) as partial:
            shutil.copyfile(source, partial)
    with atomic_write(places.model) as partial:
        shutil.copytree(final, partial)
    # The file of a mapped data set keeps a name on NFS for as long as a process of this run has it.
    shutil.rmtree(places.work, ignore_errors=True)
    if places.work.exists():
        log.warning("%s could not be removed altogether: it is not needed any more", places.work)
    log.info("trained checkpoint: %s", places.model / MANIFEST)
