"""Letting a CUDA-built torchvision import beside a CPU-only torch.

The torchvision wheel registers Python-side metadata for two operators that its C++ library defines. Beside a CPU-only
torch that library does not load, and the import stops at "operator torchvision::nms does not exist". Declaring the two
schemas first is enough: nothing here ever calls the operators.

Importing this module costs next to nothing and imports nothing: from then on `import torchvision`, whoever says it,
goes through `Finder`. `make setup` has every Python of its environment import it then (envs/torchvision.pth), so
that `from transformers import AutoModelForImageTextToText` just works; elsewhere, import this module before
transformers' processors, diffusers or vlmeval.
"""

import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_libraries: list = []  # kept alive: the schemas vanish with the object


class _ForgivingLoader(Loader):
    """Loads torchvision, and where only the operators are missing once more with their schemas declared."""

    def __init__(self, loader: Loader):
        self.loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        try:
            self.loader.exec_module(module)
        except RuntimeError as error:
            import torch

            if torch.version.cuda is not None or "torchvision::" not in str(error) or _libraries:
                raise
            for name in [name for name in sys.modules if name.startswith("torchvision.")]:
                del sys.modules[name]  # what the failed import left behind
            _libraries.append(torch.library.Library("torchvision", "DEF"))
            for operator in ("nms", "qnms"):
                _libraries[0].define(operator + _SCHEMA)
            self.loader.exec_module(module)


class Finder(MetaPathFinder):
    """Finds torchvision where it is installed, with a loader that forgives it the missing operators."""

    def find_spec(self, fullname: str, path: object, target: ModuleType | None = None) -> ModuleSpec | None:
        """The spec of torchvision; None for every other module, and where there is no torchvision."""
        if fullname != "torchvision":
            return None
        spec = PathFinder.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _ForgivingLoader(spec.loader)
        return spec


def allow_torchvision() -> None:
    """Make `import torchvision` work from now on; changes nothing where it already does."""
    if not any(isinstance(finder, Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, Finder())


allow_torchvision()
