"""Importing VLMEvalKit where there is no decord: its video benchmarks, which nobody needs here, import it.

decord reads videos and has wheels for Linux on x86-64 only.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType


@contextmanager
def decord_or_nothing() -> Iterator[None]:
    """While the block runs, `import decord` works on every platform: it finds decord, or names without a meaning."""
    if find_spec("decord") is not None:
        yield
        return
    nothing = ModuleType("decord", "Stands in for decord, which is not installed.")
    nothing.__spec__ = ModuleSpec("decord", loader=None)
    nothing.VideoReader = nothing.cpu = None
    sys.modules["decord"] = nothing
    try:
        yield
    finally:
        del sys.modules["decord"]
