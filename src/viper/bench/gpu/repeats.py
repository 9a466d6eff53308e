"""What of training gives the same bits again: in one process, in another one, and with the batch split otherwise."""

import hashlib
import json
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from viper.bench.gpu.rows import Say
from viper.bench.gpu.sizes import SMALL, Sizes
from viper.bench.gpu.updates import open_way, sampled

import torch  # isort: skip
from trl.trainer.utils import split_pixel_values_by_grid, split_tensor_dict, unsplit_pixel_values_by_grid

from viper.bench.grpo import Way

_CHUNK = 2**24  # numbers that are added up at once


def repeats(sizes: Sizes, device: str, say: Say, again: list[str]) -> None:
    """Compare a sampling and the gradients of its loss with themselves.

    Args:
        again: command line of a process that prints `digests` as JSON on its last line.
    """
    with open_way(sizes, device, SMALL, prompts=1, max_completion_length=sizes.sampled) as way:
        first, second = _digests(way), _digests(way)
        _say_equal(say, "in the same process", first, second)
        _say_split(say, way)
    done = subprocess.run(again, capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        say("same bits, in another process", note=(done.stderr.strip().splitlines() or ["it failed"])[-1])
    else:
        _say_equal(say, "in another process", first, json.loads(done.stdout.splitlines()[-1]))


def digests(sizes: Sizes, device: str) -> dict[str, str]:
    """Digest of what was sampled and of its gradients, with the fastest kernels and with deterministic ones."""
    with open_way(sizes, device, SMALL, prompts=1, max_completion_length=sizes.sampled) as way:
        return _digests(way)


def _digests(way: Way) -> dict[str, str]:
    found = {}
    for kernels, deterministic in (("fastest kernels", False), ("deterministic kernels", True)):
        with _deterministic(deterministic):
            batch = _paid(sampled(way))
            found[f"sampling, {kernels}"] = digest([batch["completion_ids"]])
            _pass(way, [batch])
            found[f"gradients, {kernels}"] = digest(_gradients(way))
    return found


def _say_equal(say: Say, where: str, first: dict[str, str], second: dict[str, str]) -> None:
    for name, value in first.items():
        say(f"same bits, {where}", setting=name, value=float(value == second[name]), unit="1: yes, 0: no")


def _say_split(say: Say, way: Way) -> None:
    """All responses of a group in one pass, against one pass each."""
    batch = way.batch
    rows = len(batch["prompt_ids"])
    _pass(way, [batch])
    together = [gradient.clone() for gradient in _gradients(way)]
    _pass(
        way, [unsplit_pixel_values_by_grid(part) for part in split_tensor_dict(split_pixel_values_by_grid(batch), rows)]
    )
    apart = list(_gradients(way))
    setting = f"{rows} responses in one pass, and in {rows}"
    same = all(torch.equal(one, other) for one, other in zip(together, apart, strict=True))
    say("same bits, batch split", setting=setting, value=float(same), unit="1: yes, 0: no")
    difference = sum(float((one - other).double().square().sum()) for one, other in zip(together, apart, strict=True))
    size = sum(float(one.double().square().sum()) for one in together)
    say("gradients, batch split", setting=setting, value=(difference / size) ** 0.5, unit="difference by their length")


def _paid(batch: dict) -> dict:
    """Let the responses differ in what they are worth: those of random weights do not, and teach nothing."""
    batch["advantages"] = torch.linspace(-1, 1, len(batch["advantages"]), device=batch["advantages"].device)
    return batch


def _pass(way: Way, batches: list[dict]) -> None:
    """Gradients of the loss over these batches, as one step accumulates them."""
    trainer = way.trainer
    trainer.model.train()
    trainer.model.zero_grad(set_to_none=True)
    trainer.current_gradient_accumulation_steps = len(batches)
    for batch in batches:
        with trainer.accelerator.autocast():
            loss = trainer._compute_loss(trainer.model, batch)
        loss.backward()


def _gradients(way: Way) -> Iterator[torch.Tensor]:
    return (weight.grad for weight in way.trainer.model.parameters() if weight.grad is not None)


def digest(tensors: Iterable[torch.Tensor]) -> str:
    """A short text that differs wherever a bit of the tensors, of 4 or 8 bytes a number, does (but for chance).

    The bits are added up on the device as whole numbers, plain and by their place: sums that overflow the same way in
    any order.
    """
    sums = []
    for tensor in tensors:
        bits = tensor.detach().flatten()
        bits = bits if bits.dtype == torch.int64 else bits.view(torch.int32)
        for start in range(0, len(bits), _CHUNK):
            part = bits[start : start + _CHUNK].long()
            places = torch.arange(start + 1, start + 1 + len(part), device=part.device)
            sums += [part.sum(), (part * places).sum()]
    return hashlib.sha256(torch.stack(sums).cpu().numpy().tobytes()).hexdigest()


@contextmanager
def _deterministic(wanted: bool) -> Iterator[None]:
    torch.use_deterministic_algorithms(wanted)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)
