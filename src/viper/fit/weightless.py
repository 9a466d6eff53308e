"""Running a model without its numbers: how much memory a piece of code takes, at any size, on any machine.

Large tensors of real numbers have a shape, a dtype and a storage that holds nothing (PyTorch's FakeTensor); whatever
follows from small ones (token ids, masks, grids, timesteps) is computed, since libraries branch on it. What runs is the
library's own forward and backward pass, so what is counted is what it keeps: tensors saved for the backward pass,
copies made by autocast, checkpointing, adapters, the chunks of TRL's head.

Counted is what tensors hold, as `torch.cuda.max_memory_allocated` does; what an allocator rounds up, what kernels take
as workspace, and what a context takes besides, is not.
"""

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Memory(TorchDispatchMode):
    """While it is entered, counts the bytes of all tensors that operators make and somebody still holds.

    Attributes:
        live: bytes now.
        peak: most bytes since the start, or since the last `restart`.
    """

    def __init__(self):
        super().__init__()
        self.live = self.peak = 0
        self._counted: set[int] = set()

    def restart(self) -> int:
        """Forget the peak, and return the bytes that are live now."""
        self.peak = self.live
        return self.live

    def __torch_dispatch__(self, operator: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        """Run one operator, and count what it made."""
        result = self._run(operator, args, kwargs or {})
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor):
                self._count(tensor.untyped_storage())
        return result

    def _run(self, operator: Any, args: tuple, kwargs: dict) -> Any:
        return operator(*args, **kwargs)

    def _count(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self._counted:  # a view, or a result in place
            return
        self._counted.add(key)
        self.live += size
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._release, key, size)

    def _release(self, key: int, size: int) -> None:
        self._counted.discard(key)
        self.live -= size


class Weightless(Memory):
    """The same, where tensors of real numbers are made without their numbers."""

    def __init__(self):
        super().__init__()
        self._fake = FakeTensorMode(allow_non_fake_inputs=True)

    def _run(self, operator: Any, args: tuple, kwargs: dict) -> Any:
        tensors = [each for each in tree_leaves((args, kwargs)) if isinstance(each, torch.Tensor)]
        if tensors and not any(isinstance(each, FakeTensor) for each in tensors):
            return operator(*args, **kwargs)
        if operator is torch.ops.aten.index.Tensor:  # how much a mask selects, only its values say
            args = (args[0], [place for each in args[1] for place in _places(each)])
        with self._fake:
            result = operator(*args, **kwargs)
        is_integer = isinstance(result, torch.Tensor) and not (result.is_floating_point() or result.is_complex())
        return operator(*args, **kwargs) if not tensors and is_integer else result


def _places(index: torch.Tensor | None) -> list[torch.Tensor | None]:
    if index is None or index.dtype != torch.bool or isinstance(index, FakeTensor):
        return [index]
    return list(index.nonzero(as_tuple=True))


@contextmanager
def weightless(dtype: torch.dtype = torch.float32) -> Iterator[Weightless]:
    """Let models be built and run without numbers; weights that are made meanwhile have this dtype, and no values."""
    from transformers.initialization import no_init_weights

    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with Weightless() as memory, no_init_weights():
            yield memory
    finally:
        torch.set_default_dtype(before)
