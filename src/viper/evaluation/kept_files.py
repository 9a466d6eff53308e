"""The files that VLMEvalKit writes between its steps, kept in memory instead.

It hands tables from step to step through files: predictions as TSV, which it reads back with type guessing (an answer
"None" is missing, "007" becomes 7, and some benchmarks then stop for all items), and results as pickles, which it takes
up again whoever wrote them. Within `kept_files` its functions `load` and `dump` are these here: what is dumped is what
is loaded, unchanged, and a file that this evaluation did not write is never read.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd

# Where the classes that we use, and what they call, hold `load` and `dump`; a test compares it with their source.
MODULES = (
    "vlmeval.inference",
    "vlmeval.utils.mp_util",
    "vlmeval.dataset.image_base",
    "vlmeval.dataset.image_mcq",
    "vlmeval.dataset.image_vqa",
    "vlmeval.dataset.image_yorn",
    "vlmeval.dataset.utils.multiple_choice",
    "vlmeval.dataset.utils.yorn",
    "viper.evaluation.mantis",
)


class KeptFiles:
    """Contents by path. An empty file stands for each, since VLMEvalKit asks whether it exists, and removes it."""

    def __init__(self) -> None:
        self._contents: dict[str, Any] = {}

    def dump(self, data: Any, path: str, **_: Any) -> None:
        """Keep `data` as the content of `path`."""
        Path(path).touch()
        self._contents[str(path)] = copy(data)

    def load(self, path: str, fmt: str | None = None) -> Any:
        """The content of `path`; rows of a table are numbered anew, as those of a file are.

        Raises:
            RuntimeError: nothing was dumped there.
        """
        if str(path) not in self._contents:
            raise RuntimeError(f"{path}: VLMEvalKit would read a file that this evaluation did not write")
        content = self._contents[str(path)]
        return content.reset_index(drop=True) if isinstance(content, pd.DataFrame) else copy(content)


@contextmanager
def kept_files() -> Iterator[KeptFiles]:
    """Within the block, VLMEvalKit's files are kept in memory."""
    kept = KeptFiles()
    modules = [import_module(name) for name in MODULES]  # before anything is replaced: they copy the functions
    before = [{name: vars(module)[name] for name in ("load", "dump") if name in vars(module)} for module in modules]
    try:
        for module, names in zip(modules, before, strict=True):
            for name in names:
                setattr(module, name, getattr(kept, name))
        yield kept
    finally:
        for module, names in zip(modules, before, strict=True):
            for name, function in names.items():
                setattr(module, name, function)
