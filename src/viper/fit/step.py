"""What a step of the pipeline takes, part by part, of a GPU and of a machine."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from viper.config.fit import GIB
from viper.config.schema import Scale

Parts = Mapping[str, float]  # what takes memory → bytes

# Not measured: what nobody can count from a configuration. Guesses from what such processes usually show.
LIBRARIES = 1.5 * GIB  # of a GPU: the context, NCCL's buffers, workspaces of cuBLAS
GRAPHS = 1.0 * GIB  # of a GPU: what vLLM records for decoding, and what it holds besides cache and weights
ASLEEP = 1.0 * GIB  # of a GPU: what vLLM keeps while it sleeps
SCATTERED = 0.05  # of activations: what the allocator cannot use between tensors
PROCESS = 3.0 * GIB  # of a machine: Python, PyTorch and CUDA's libraries in one process


@dataclass(frozen=True)
class Length:
    """Tokens of the longest prompt with its answer, and of the longest that vLLM takes: a longer one ends the job."""

    needed: int
    most: int

    @property
    def fits(self) -> bool:
        """Whether it is not too long."""
        return self.needed <= self.most


@dataclass(frozen=True)
class Step:
    """One step.

    Attributes:
        name: as a person says it.
        stages: stage of the step → what each part takes of one GPU, in bytes.
        host: stage → what each part takes of the machine, in bytes, over all of the job's processes.
        room: bytes of the GPU that the step may take; None: all that there is.
        place: the section of the scale that says how the step runs.
        length: of what it asks vLLM; None: nothing.
        fewer: a parameter that, lowered, has it take less of the machine; '': none.
        notes: what else a person wants to know.
    """

    name: str
    stages: Mapping[str, Parts]
    host: Mapping[str, Parts] = field(default_factory=dict)
    room: float | None = None
    place: str = ""
    length: Length | None = None
    fewer: str = ""
    notes: tuple[str, ...] = ()

    def worst(self) -> tuple[str, float]:
        """The stage that takes most of a GPU, and its bytes."""
        return _worst(self.stages)

    def worst_host(self) -> tuple[str, float]:
        """The stage that takes most of the machine, and its bytes."""
        return _worst(self.host)


def _worst(stages: Mapping[str, Parts]) -> tuple[str, float]:
    sums = {stage: sum(parts.values()) for stage, parts in stages.items()}
    stage = max(sums, key=sums.get, default="")
    return stage, sums.get(stage, 0.0)


Builder = Callable[[Scale], Step]  # the same step, of a scale with other values


@dataclass(frozen=True)
class Planned:
    """A step, and how its forecast is made, and made again.

    Attributes:
        name: as a person says it.
        build: makes it from the parameters of a scale.
        levers: places of the scale, and what each could be set to so that the step takes less, best first.
    """

    name: str
    build: Builder
    levers: Callable[[Scale], Mapping[str, list]]
