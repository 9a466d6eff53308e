"""Models of a hub: named once with the commit that is meant, and where the cache keeps them."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, Any

from pydantic import Field

from viper.config.paths import usable

_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"  # becomes a folder of the cache
# A branch or a tag can move; a commit cannot.
Pinned = Annotated[str, Field(pattern=rf"^{_NAME}/{_NAME}@[0-9a-f]{{40}}$", description="OWNER/NAME@COMMIT, 40 digits")]

_SECTIONS = ("vlm", "painter", "editor")  # the embedder's section is part of the reward


def cached_folder(cache: str, pinned: str) -> str:
    """Where the model OWNER/NAME@COMMIT lies below the folder `cache`: the same for every scale that uses it."""
    name, _, commit = pinned.partition("@")
    return str(PurePosixPath(cache, "models", name, commit))


def cached_data(cache: str, pinned: str) -> str:
    """Where the files of the data set OWNER/NAME@COMMIT lie below the folder `cache`."""
    name, _, commit = pinned.partition("@")
    return str(PurePosixPath(cache, "datasets", name, commit))


def fill_paths(scale: Any) -> Any:
    """Give every model that `models.hub` names the path at which the cache keeps it.

    Args:
        scale: one scale of params.yaml before it is checked; what is malformed is left for the checks to name.

    Returns:
        A copy of `scale`, with `path` in the sections of these models and in `reward.embedder`.

    Raises:
        ValueError: a section has a path of its own as well, or the cache is no usable path.
    """
    models = scale.get("models") if isinstance(scale, Mapping) else None
    if not isinstance(models, Mapping) or models.get("source") != "hub" or not isinstance(models.get("hub"), Mapping):
        return scale
    cache = str(models.get("cache", "cache"))
    try:
        cache = usable(cache)
    except ValueError as error:
        raise ValueError(f"models.cache: {error}") from error
    folders = {part: cached_folder(cache, pinned) for part, pinned in models["hub"].items() if isinstance(pinned, str)}
    filled = {**scale, "models": dict(models)}
    for part in _SECTIONS:
        if part in folders and isinstance(models.get(part), Mapping):
            filled["models"][part] = _with_path(models[part], folders[part], f"models.{part}")
    reward = scale.get("reward")
    if "embedder" in folders and isinstance(reward, Mapping) and isinstance(reward.get("embedder"), Mapping):
        embedder = _with_path(reward["embedder"], folders["embedder"], "reward.embedder")
        filled["reward"] = {**reward, "embedder": embedder}
    return filled


def fill_variant(changes: Mapping[str, Any], cache: str) -> Mapping[str, Any]:
    """What a variant sets, with the path at which the cache keeps every model that it takes from a hub instead.

    Raises:
        ValueError: see `fill_paths`.
    """
    models = changes.get("models")
    named = models.get("hub") if isinstance(models, Mapping) else None
    if not isinstance(named, Mapping):
        return changes
    parts = {
        part: _with_path(models.get(part, {}), cached_folder(cache, named[part]), f"models.{part}")
        for part in _SECTIONS
        if isinstance(named.get(part), str)
    }
    return {**changes, "models": {**models, **parts}}


def _with_path(section: Mapping[str, Any], folder: str, name: str) -> dict[str, Any]:
    given = section.get("path", folder)
    if given != folder:
        raise ValueError(f"{name}.path {given!r} is given, but models.hub names this model too: drop one of the two")
    return {**section, "path": folder}
