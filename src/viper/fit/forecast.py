"""Every step of a scale that uses a model, held to the memory there is; for what does not fit, what mends it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from viper.config.schema import Scale
from viper.config.training import Grpo
from viper.config.values import value_at, with_value
from viper.fit.descriptions import NotForecastError
from viper.fit.inference import answering, drawing
from viper.fit.step import GIB, Planned, Step
from viper.fit.training import rollout_engine, training, uses_vllm
from viper.lineage import split_control

_MOST_TOGETHER = 5  # parameters that are changed at once to mend a step


@dataclass(frozen=True)
class Mend:
    """A change of parameters after which a step takes less.

    Attributes:
        values: dotted places of the scale, and what to set them to.
        saved: bytes of a GPU that it saves, or gains in the room that the step has; negative where longer prompts take
            more.
        fits: whether the step then fits.
    """

    values: Mapping[str, Any]
    saved: float
    fits: bool


@dataclass(frozen=True)
class Forecast:
    """One step, the room for it, and what mends it where it does not fit."""

    step: Step
    room: float
    host_room: float
    mends: tuple[Mend, ...] = ()

    @property
    def fits_gpu(self) -> bool:
        """Whether the GPU has the memory."""
        return self.step.worst()[1] <= self.room

    @property
    def fits_host(self) -> bool:
        """Whether the machine has the memory that the job asks for."""
        return self.step.worst_host()[1] <= self.host_room

    @property
    def fits_length(self) -> bool:
        """Whether vLLM takes the longest prompt with its answer."""
        return self.step.length is None or self.step.length.fits

    @property
    def fits(self) -> bool:
        """Whether nothing of this ends the job."""
        return self.fits_gpu and self.fits_host and self.fits_length


def steps(scale: Scale, engine: str) -> Iterator[Planned]:
    """The forecasts of a scale, in the order of its pipeline.

    Args:
        engine: 'vllm' or 'transformers': what `engine: auto` stands for.
    """
    if scale.models.vlm.device != "cpu":
        yield answering("synthesis", engine)
    for part in ("painter", "editor"):
        if getattr(scale.models, part).device != "cpu":
            yield drawing(part)
    if scale.training.machine.device != "cpu":
        for phase in _phases(scale):
            yield training(phase, engine)
            if uses_vllm(scale, phase, engine):
                yield rollout_engine(phase)
    if scale.models.vlm.device != "cpu":
        yield answering("evaluation", engine)


def _phases(scale: Scale) -> list[str]:
    """The phases that some lineage of the experiments is trained in, those of reinforcement learning first."""
    lineages = {split_control(name)[0] for names in scale.experiments.values() for name in names}
    used = {phase for lineage in lineages for phase in scale.training.lineage(lineage, scale.variants).phases}
    return sorted(used, key=lambda name: (not isinstance(scale.training.phases[name], Grpo), name))


def forecast(scale: Scale, engine: str) -> list[Forecast]:
    """What each step of a scale takes, in order.

    Raises:
        ViperError: a model's configuration, or that of accelerate, cannot be read.
    """
    return [_held(planned, scale) for planned in steps(scale, engine)]


def _held(planned: Planned, scale: Scale) -> Forecast:
    """One step's forecast; a step of which nothing is known stops nobody, and says so."""
    try:
        found = _plain(planned, scale)
    except NotForecastError as error:
        return Forecast(Step(planned.name, {}, notes=(str(error),)), 0.0, 0.0)
    if found.fits_gpu and found.fits_length:
        return found
    return Forecast(found.step, found.room, found.host_room, mend(planned, scale))


def _plain(planned: Planned, scale: Scale) -> Forecast:
    step = planned.build(scale)
    room = step.room if step.room is not None else scale.fit.bytes
    return Forecast(step, room, value_at(scale, f"{step.place}.job").mem_mb * 2**20)


def mend(planned: Planned, scale: Scale) -> tuple[Mend, ...]:
    """What makes a step fit: room for its longest prompt first, where that lacks, then memory.

    Each parameter that saves memory by itself, and where none is enough, the best together, as few as do. The first
    value of a parameter that is enough is taken, or else the one that saves most.
    """
    if _plain(planned, scale).fits_length:
        return _mend_memory(planned, scale)
    longer = _longer(planned, scale)
    if not longer:
        return ()
    changed = with_value(scale, *next(iter(longer.items())))
    taken = _lack(planned, changed) - _lack(planned, scale)
    if _plain(planned, changed).fits_gpu:
        return (Mend(longer, -taken, fits=True),)
    further = _mend_memory(planned, changed)
    return tuple(Mend({**longer, **each.values}, each.saved - taken, each.fits) for each in further)


def _longer(planned: Planned, scale: Scale) -> Mapping[str, Any]:
    """The first parameter, and its first value, that leaves the longest prompt room enough; {} where none does."""
    tried = ((place, value) for place, values in planned.levers(scale).items() for value in values)
    enough = (pair for pair in tried if _plain(planned, with_value(scale, *pair)).fits_length)
    return dict([first]) if (first := next(enough, None)) else {}


def _mend_memory(planned: Planned, scale: Scale) -> tuple[Mend, ...]:
    """What makes a step take less memory."""
    alone = [_best(planned, scale, place, values) for place, values in planned.levers(scale).items()]
    alone = sorted((each for each in alone if each.saved > 0), key=lambda each: -each.saved)
    if any(each.fits for each in alone):
        return tuple(alone)
    changed, values = scale, {}
    for each in alone[:_MOST_TOGETHER]:
        place = next(iter(each.values))
        best = _best(planned, changed, place, planned.levers(changed).get(place, [each.values[place]]))
        values |= best.values
        changed = with_value(changed, place, best.values[place])
        if best.fits:
            return (*alone, Mend(values, _lack(planned, scale) - _lack(planned, changed), fits=True))
    return tuple(alone)


def _best(planned: Planned, scale: Scale, place: str, values: list) -> Mend:
    tried = []
    for value in values:
        changed = _plain(planned, with_value(scale, place, value))
        saved = _lack(planned, scale) - (changed.step.worst()[1] - changed.room)
        tried.append(Mend({place: value}, saved, changed.fits_gpu))
        if changed.fits_gpu:
            return tried[-1]
    return max(tried, key=lambda each: each.saved)


def _lack(planned: Planned, scale: Scale) -> float:
    """Bytes that the step takes beyond its room."""
    found = _plain(planned, scale)
    return found.step.worst()[1] - found.room


def table(forecasts: list[Forecast]) -> pd.DataFrame:
    """One row for each part of a step's stages, of GPU and host, in GiB; `all` has their sum, and the room for it.

    Of what is asked of vLLM a row says in tokens how long it can become, and how long it may.
    """
    rows = []
    for each in forecasts:
        if length := each.step.length:
            shared = {"step": each.step.name, "memory": "length", "stage": "longest prompt and answer", "part": "all"}
            rows.append({**shared, "tokens": length.needed, "most_tokens": length.most, "fits": length.fits})
        for memory, stages, room in (("gpu", each.step.stages, each.room), ("host", each.step.host, each.host_room)):
            for stage, parts in stages.items():
                total = sum(parts.values())
                shared = {"step": each.step.name, "memory": memory, "stage": stage}
                rows += [{**shared, "part": part, "gib": size / GIB} for part, size in parts.items()]
                rows.append({**shared, "part": "all", "gib": total / GIB, "room": room / GIB, "fits": total <= room})
    columns = ["step", "memory", "stage", "part", "gib", "room", "tokens", "most_tokens", "fits"]
    return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(("tokens", "most_tokens"), "Int64"))


def shown(forecasts: list[Forecast]) -> str:
    """The forecast as a person reads it: a line a step, what takes most, and below it what mends it."""
    return "\n".join(line for each in forecasts for line in _lines(each))


def _lines(each: Forecast) -> Iterator[str]:
    step = each.step
    if not step.stages:
        yield f"{step.name}: NOT FORECAST: {'; '.join(step.notes)}"
        return
    stage, needed = step.worst()
    verdict = "fits" if each.fits_gpu else "DOES NOT FIT"
    yield f"{step.name}: {needed / GIB:.1f} of {each.room / GIB:.1f} GiB of each GPU, {stage}: {verdict}"
    yield f"    {_said(step.stages[stage])}"
    for other, parts in step.stages.items():
        if other != stage:
            yield f"    ({other}: {sum(parts.values()) / GIB:.1f})"
    if step.host:
        stage, needed = step.worst_host()
        more = f"ask for more in {step.place}.job.mem_mb" + (f", or lower {step.fewer}" if step.fewer else "")
        verdict = "fits" if each.fits_host else f"DOES NOT FIT: {more}"
        yield f"    machine: {needed / GIB:.1f} of {each.host_room / GIB:.1f} GiB, {stage}: {verdict}"
        if not each.fits_host:
            yield f"    {_said(step.host[stage])}"
    if length := step.length:
        verdict = "fits" if length.fits else "DOES NOT FIT: the job would end there, at every try"
        yield f"    longest prompt and answer: {length.needed:,} of {length.most:,} tokens: {verdict}"
    for note in step.notes:
        yield f"    {note}"
    for mended in each.mends:
        values = ", ".join(f"{place}: {_spelled(value)}" for place, value in mended.values.items())
        change = f"{abs(mended.saved) / GIB:.1f} GiB {'less' if mended.saved >= 0 else 'more'}"
        yield f"    set {values}: {change}{', and it fits' if mended.fits else ''}"


def _spelled(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _said(parts: Mapping[str, float]) -> str:
    biggest = sorted(parts.items(), key=lambda pair: -pair[1])
    return ", ".join(f"{name} {size / GIB:.1f}" for name, size in biggest if size >= 0.05 * GIB)
