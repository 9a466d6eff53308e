"""Training at the paper's shape: a whole step of GRPO with its parts, a pass alone, and prompts read once a group."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import MethodType
from typing import TYPE_CHECKING

from viper.bench.alternate import Comparison, measure
from viper.bench.floor import finish
from viper.bench.gpu.building import build_vlm, picture, text
from viper.bench.gpu.device import Meter, release
from viper.bench.gpu.flops import Load, patches_of, peak, update_flops
from viper.bench.gpu.rows import Say
from viper.bench.gpu.sizes import LARGE, SMALL, Sizes
from viper.fit import passes
from viper.fit.descriptions import Description

import torch  # isort: skip
from transformers import TrainerCallback

from viper.bench.grpo import Way
from viper.training.prompts_once import PromptsOnceGRPOTrainer

if TYPE_CHECKING:
    from viper.config.training import Lora, TrainOptions

_WARM_TOKENS = 4
_ROUNDS = 3


def full_step(sizes: Sizes, device: str, say: Say) -> None:
    """A step of the smaller VLM, all weights."""
    _largest_that_fits(sizes, device, say, SMALL, None)


def lora_step(sizes: Sizes, device: str, say: Say) -> None:
    """A step of the smaller VLM with adapters."""
    _largest_that_fits(sizes, device, say, SMALL, sizes.lora)


def lora_pass(sizes: Sizes, device: str, say: Say) -> None:
    """One forward and backward pass of the larger VLM with adapters, on responses that it sampled."""
    with open_way(sizes, device, LARGE, prompts=1, lora=sizes.lora, max_completion_length=sizes.sampled) as way:
        meter = Meter(device)
        batch = sampled(way)
        for _ in range(2):  # the first compiles kernels
            meter.restart()
            with meter.piece("pass"), way.trainer.accelerator.autocast():
                way.loss()
        load = _load(way, batch)
        setting = f"LoRA, {load.responses} responses of {load.response} tokens to prompts of {load.prompt}"
        planned = forecast(Description(LARGE, sizes.models[LARGE]["config"]), way.options, load) / 1e9
        _say_pass(say, "forward and backward", setting, meter, "pass", way, load, adapters=True, planned=planned)


def forecast(description: Description, options: "TrainOptions", load: Load) -> float:
    """Most bytes that tensors hold in a pass on one device, by what `viper fit` counts with: without its allowances.

    Those are for what is no tensor: a context, libraries, what the allocator cannot use.
    """
    phase, machine, config = options.phase, options.machine, description.config
    vision = config["vision_config"]
    pixels = load.patches * vision["patch_size"] ** 2
    text = load.prompt - passes.picture_tokens(config, pixels) - 2
    update = passes.update(
        description,
        passes.Batch(load.responses, text, 1, pixels, load.response),
        sharded=False,
        precision=machine.precision,
        checkpointing=machine.gradient_checkpointing,
        lora=phase.lora,
        freeze_vision=phase.freeze_vision,
        on_gpu=machine.device == "cuda",
    )
    pictures = load.responses * passes.picture_bytes(config, pixels)  # TRL's own trainer has them once a response
    return 4.0 * (update.parameters + update.trained) + update.activations + pictures


def shared_prefix(sizes: Sizes, device: str, say: Say) -> None:
    """The loss of one group, with each prompt read for every response as TRL does, and once for all; in turns."""
    with open_way(sizes, device, SMALL, prompts=1, shared=True, gradient_checkpointing=False) as way:
        batch = sampled(way)
        trainer = way.trainer
        once = trainer._get_per_token_logps_and_entropies
        each = MethodType(PromptsOnceGRPOTrainer._get_per_token_logps_and_entropies, trainer)

        def loss(scoring) -> int:
            trainer._get_per_token_logps_and_entropies = scoring
            with trainer.accelerator.autocast():
                way.loss()
            finish(device)
            return 1

        rows = measure(Comparison("loss", "group", "group", partial(loss, each), partial(loss, once)), _ROUNDS)
        stock = _load(way, batch)
        ours = Load(1, stock.responses, stock.prompt, stock.response, stock.patches)
        setting = f"{stock.responses} responses of {stock.response} tokens to one prompt of {stock.prompt}"
        for name, seconds, load in (("stock", rows["baseline"], stock), ("shared prefix", rows["ours"], ours)):
            say(f"loss, {name}", setting=setting, value=seconds, unit="s")
            say(f"loss, {name}", setting=setting, value=load.tokens / seconds, unit="token/s")
            _say_mfu(say, f"loss, {name}", setting, update_flops(way.trainer.model, load, adapters=False), seconds)
        spread = f"rounds from {rows['low']:.2f} to {rows['high']:.2f}"
        say("loss, stock over shared prefix", setting=setting, value=rows["ratio"], unit="times", note=spread)


def _largest_that_fits(sizes: Sizes, device: str, say: Say, model: str, lora: "Lora | None") -> None:
    """A step with as many prompts as one of the run's devices has, or half as many until the card is large enough."""
    prompts = sizes.prompts
    while True:
        try:
            return _step(sizes, device, say, model, lora, prompts)
        except torch.OutOfMemoryError as error:
            needed = str(error).splitlines()[0]
        release(device)
        note = f"does not fit this card: {needed}"
        say("step", setting=f"{prompts} prompts", note=note)
        if prompts == 1:
            return None
        prompts //= 2


def _step(sizes: Sizes, device: str, say: Say, model: str, lora: "Lora | None", prompts: int) -> None:
    with open_way(sizes, device, model, prompts=prompts, lora=lora) as way:
        trainer, meter = way.trainer, Meter(device)
        _warm_up(way)
        reporter = _Reporter(way, meter, say, is_lora=lora is not None)
        trainer._generate_single_turn = meter.measured("sampling", trainer._generate_single_turn)
        score = trainer._get_per_token_logps_and_entropies
        trainer._get_per_token_logps_and_entropies = lambda *args, **kwargs: (
            score(*args, **kwargs) if torch.is_grad_enabled() else meter.measured("scoring", score)(*args, **kwargs)
        )
        trainer._generate_and_score_completions = reporter.batch_of(
            meter.measured("preparing", trainer._generate_and_score_completions)
        )
        trainer.training_step = meter.measured("passes", trainer.training_step)
        trainer.add_callback(reporter)
        trainer.train()


class _Reporter(TrainerCallback):
    """Says what the parts of a step took as soon as each is known; of several updates on a sampling the last."""

    def __init__(self, way: Way, meter: Meter, say: Say, *, is_lora: bool):
        self.way, self.meter, self.say, self.is_lora = way, meter, say, is_lora
        self.load: Load | None = None
        self._optimizer = None

    def batch_of(self, generate):
        """`generate`, after whose return it is known what the passes work on."""

        def call(rows):
            batch = generate(rows)
            self.load = _load(self.way, batch)
            self._say_sampling()
            return batch

        return call

    def _setting(self) -> str:
        load = self.load
        kind = "LoRA" if self.is_lora else "all weights"
        return f"{kind}, {load.responses} responses of {load.response} tokens to prompts of {load.prompt}"

    def _say_sampling(self) -> None:
        load, seconds = self.load, self.meter.seconds
        sampled = load.responses * load.response
        values = {"value": seconds["sampling"], "unit": "s", "setting": self._setting()}
        self.say("sampling", **values)
        self.say("sampling", **values | {"value": sampled / seconds["sampling"], "unit": "token/s"})
        self.say("sampling", **values | {"value": self.meter.gigabytes["sampling"], "unit": "GB at most"})
        if "scoring" in seconds:
            self.say("scoring what was sampled", **values | {"value": seconds["scoring"]})
        note = "pictures, tokens, reward: on the CPU"
        self.say("preparing", **values | {"value": seconds["preparing"], "note": note})
        self.sampled = sum(seconds.values())

    def on_pre_optimizer_step(self, args, state, control, **_) -> None:
        """The passes are done."""
        self._optimizer = self.meter.piece("optimizer")
        self._optimizer.__enter__()

    def on_optimizer_step(self, args, state, control, **_) -> None:
        """The optimizer is."""
        self._optimizer.__exit__(None, None, None)

    def on_step_end(self, args, state, control, **_) -> None:
        """Say what the update took, if it is the last; forget it otherwise, since it was the first of its kind."""
        seconds = self.meter.seconds
        if state.global_step == args.max_steps:
            way, setting = self.way, self._setting()
            seconds["update"] = seconds["passes"] + seconds["optimizer"]
            self.meter.gigabytes["update"] = max(self.meter.gigabytes[name] for name in ("passes", "optimizer"))
            _say_pass(self.say, "update", setting, self.meter, "update", way, self.load, adapters=self.is_lora)
            self.say("optimizer", setting=setting, value=seconds["optimizer"], unit="s")
            whole = self.sampled + args.max_steps * seconds["update"]
            note = f"one sampling and {args.max_steps} updates"
            self.say("sampling and its updates", setting=setting, value=whole, unit="s", note=note)
        self.meter.restart()


@contextmanager
def open_way(sizes: Sizes, device: str, model: str, *, prompts: int, shared: bool = False, **changes) -> Iterator[Way]:
    """A trainer of the run's own making around a model with random weights, and prompts of the run's length."""
    torch.manual_seed(0)
    options = sizes.options(device, prompts=prompts, **changes)
    vlm, processor = build_vlm(sizes.models[model]["config"], pixels=sizes.pixels, device=device)
    processor.tokenizer.padding_side = "left"
    rows = [
        {"images": [picture(sizes.pixels, number)], "prompt": text(sizes.words), "ground_truth": ["Yes."]}
        for number in range(prompts)
    ]
    with tempfile.TemporaryDirectory(prefix="viper-gpu-") as folder:
        way = Way(vlm, processor, rows, options, Path(folder), shared=shared)
        del vlm
        way.trainer.generation_config.suppress_tokens += way.trainer.eos_token_ids  # every response is of full length
        if options.machine.gradient_checkpointing:  # as Trainer.train does
            _checkpoint(way.trainer.model)
        try:
            yield way
        finally:
            way.trainer = None  # its parts hold each other
            release(device)


def _checkpoint(model: torch.nn.Module) -> None:
    """Keep no activations but those between layers; transformers has called that by two names."""
    getattr(model, "activation_checkpointing_enable", model.gradient_checkpointing_enable)()


def sampled(way: Way) -> dict:
    """What the loss is computed on: a sampling of one group."""
    with way.trainer.accelerator.autocast():
        return way.rollout()


def _warm_up(way: Way) -> None:
    """A few tokens and a pass of one group, so that kernels are compiled and loaded before anything is timed."""
    settings = way.trainer.generation_config
    wanted, settings.max_new_tokens = settings.max_new_tokens, _WARM_TOKENS
    numbers, way.numbers = way.numbers, way.numbers[: way.options.phase.rollouts]
    sampled(way)
    with way.trainer.accelerator.autocast():
        way.loss()
    way.trainer.model.zero_grad(set_to_none=True)
    settings.max_new_tokens, way.numbers, way.batch = wanted, numbers, None


def _load(way: Way, batch: dict) -> Load:
    rows, prompt = batch["prompt_ids"].shape
    return Load(rows, rows, prompt, batch["completion_ids"].shape[1], patches(way, batch))


def patches(way: Way, batch: dict) -> int:
    """Patches of the pictures of one row: of TRL's batch, or of the prompts that ours keeps once."""
    if "image_grid_thw" in batch:
        return patches_of(batch, len(batch["prompt_ids"]))
    prompts = way.trainer._prompts
    return patches_of(prompts.fields, len(prompts.ids))


def _say_pass(
    say: Say,
    what: str,
    setting: str,
    meter: Meter,
    piece: str,
    way: Way,
    load: Load,
    *,
    adapters: bool,
    planned: float | None = None,
) -> None:
    """Say what a pass takes.

    Args:
        planned: gigabytes that are forecast for it.
    """
    seconds = meter.seconds[piece]
    say(what, setting=setting, value=seconds, unit="s")
    say(what, setting=setting, value=load.tokens / seconds, unit="token/s")
    say(what, setting=setting, value=meter.gigabytes[piece], unit="GB at most", planned=planned)
    _say_mfu(say, what, setting, update_flops(way.trainer.model, load, adapters=adapters), seconds)


def _say_mfu(say: Say, what: str, setting: str, operations: float, seconds: float) -> None:
    """The share of the device's peak; without a data sheet the operations a second alone."""
    say(what, setting=setting, value=operations / seconds / 1e12, unit="TFLOP/s")
    if torch.cuda.is_available() and (best := peak(torch.cuda.get_device_name())):
        say(what, setting=setting, value=100 * operations / seconds / best, unit="% MFU")
