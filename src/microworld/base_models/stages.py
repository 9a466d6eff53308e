"""The stages of a training that takes hours, each kept when it has ended: an interrupted run goes on behind the last.

A stage begins with the weights of the one before it and with a seed of its own, so that what goes on ends with the same
bytes as what was never interrupted.
"""

import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from safetensors.torch import load_model, save_model
from torch import nn

from viper.errors import ViperError
from viper.files import atomic_write
from viper.manifest import MANIFEST, model_folder, write_manifest

log = logging.getLogger(__name__)

_WEIGHTS, _RECORD = "model.safetensors", "stage.json"


class Stage(NamedTuple):
    """What one stage does to a model.

    Attributes:
        train: trains the model in place and returns its figures, which JSON can hold.
        parameters: that it trains with.
    """

    train: Callable[[], Any]
    parameters: dict[str, Any]


def run(model: nn.Module, stages: Sequence[Stage], work: Path) -> list[Any]:
    """Run stages one after the other; return the figures of all.

    Args:
        model: as it is before the first; it is trained in place.
        work: folder in which ended stages are kept. Those of another recipe, or damaged ones, are run again.

    Raises:
        ViperError: the disk refuses.
    """
    recipe = [stage.parameters for stage in stages]
    done, figures = _last(work, recipe)
    if done:
        log.info("%d of %d stages are done: going on behind them", done, len(stages))
        load_model(model, _folder(work, done) / _WEIGHTS)
    for number, stage in enumerate(stages[done:], start=done + 1):
        figures.append(stage.train())
        with atomic_write(_folder(work, number)) as folder:
            folder.mkdir()
            save_model(model, str(folder / _WEIGHTS))
            record = {"recipe": recipe[:number], "figures": figures}
            (folder / _RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
            write_manifest(folder)
    return figures


def _folder(work: Path, number: int) -> Path:
    return work / f"stage-{number}"


def _last(work: Path, recipe: Sequence[dict[str, Any]]) -> tuple[int, list[Any]]:
    """The number of the last stage that is kept whole and was made by this recipe, with the figures up to it."""
    for number in range(len(recipe), 0, -1):
        folder = _folder(work, number)
        if not folder.exists():
            continue
        try:
            model_folder(folder / MANIFEST, "Going on behind an earlier stage")
        except ViperError as error:
            log.warning("%s", error)
            continue
        record = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
        if record["recipe"] == json.loads(json.dumps(recipe[:number])):
            return number, record["figures"]
        log.info("%s is of another recipe: passed over", folder)
    return 0, []
