"""Letting a CUDA-built torchvision import beside a CPU-only torch.

The torchvision wheel registers Python-side metadata for two operators that its C++ library defines. Beside a CPU-only
torch that library does not load, and the import stops at "operator torchvision::nms does not exist". Declaring the two
schemas first is enough: nothing here ever calls the operators. Import this module before transformers' processors,
diffusers or vlmeval.
"""

import sys

import torch

_library: torch.library.Library | None = None  # kept alive: the schemas vanish with the object

_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def allow_torchvision() -> None:
    """Make `import torchvision` work; does nothing where it already does (torch with CUDA, a CPU build of torchvision).

    Raises:
        RuntimeError, ImportError: torchvision's own, where the missing operators are not the cause.
    """
    global _library
    try:
        import torchvision
    except RuntimeError as error:
        if torch.version.cuda is not None or "torchvision::" not in str(error):
            raise
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]  # what the failed import left behind
        _library = torch.library.Library("torchvision", "DEF")
        for operator in ("nms", "qnms"):
            _library.define(operator + _SCHEMA)
        import torchvision  # noqa: F401


allow_torchvision()
