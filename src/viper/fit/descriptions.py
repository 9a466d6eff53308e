"""What a model's configuration says of its sizes: from its folder where it lies there, else as it is published."""

import json
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from viper.errors import ViperError

PARTS = ("transformer", "vae", "text_encoder")


@dataclass(frozen=True)
class Description:
    """Sizes of one model.

    Attributes:
        name: on the hub, or its folder.
        config: of a model of transformers, as config.json has it; {} for a pipeline.
        pipeline: name of the class of a pipeline of diffusers; '' for a model of transformers.
        parts: of a pipeline: name → its configuration.
    """

    name: str
    config: dict[str, Any] = field(default_factory=dict)
    pipeline: str = ""
    parts: dict[str, dict[str, Any]] = field(default_factory=dict)


def describe(folder: str, pinned: str | None = None) -> Description:
    """The sizes of the model in `folder`, or where it is not there yet, those of the one that `pinned` names.

    Args:
        folder: where the model lies, or will lie.
        pinned: OWNER/NAME@COMMIT, for a model of a hub.

    Raises:
        ViperError: it is not there, and its sizes are not written down.
    """
    found, name = Path(folder), pinned.partition("@")[0] if pinned else folder
    if (found / "model_index.json").is_file():
        parts = {part: _read(found / part / "config.json") for part in PARTS if (found / part).is_dir()}
        return Description(name, pipeline=_read(found / "model_index.json")["_class_name"], parts=parts)
    if (found / "config.json").is_file():
        return Description(name, _read(found / "config.json"))
    if name not in (known := published()):
        raise ViperError(
            f"{name}: not fetched yet, and src/viper/fit/published.yaml does not say how large it is "
            f"(known: {', '.join(known)}): fetch it first, `snakemake --cores 1 --config scale=SCALE -- fetch`"
        )
    entry = known[name]
    parts = {part: entry[part] for part in PARTS if part in entry}
    return Description(name, entry.get("config", {}), entry.get("pipeline", ""), parts)


def published() -> dict[str, Any]:
    """Name on the hub → what is written down of that model's sizes."""
    return yaml.safe_load(files("viper.fit").joinpath("published.yaml").read_text(encoding="utf-8"))


def _read(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ViperError(f"{path}: cannot be read ({error}): fetch the model again") from error
