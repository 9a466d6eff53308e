"""The parts of the measurement: what share of the time each gets, and what it needs to be there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec

LEAST = {"torch": (2, 11), "transformers": (5, 17)}  # what is taken to be there, and is brought along by nobody
_SETTINGS = ("pydantic", "yaml")
_MODELS = (*_SETTINGS, "portalocker", "torchvision", "PIL", "tqdm")
_TRAINING = (*_MODELS, "trl", "datasets", "accelerate", "peft", "jinja2", "pandas")
_PICTURES = (*_MODELS, "diffusers", "numpy")
# cuBLAS gives the same bits only with a workspace of fixed size (PyTorch, "Reproducibility").
_REPEATABLE = {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}


@dataclass(frozen=True)
class Part:
    """One part.

    Attributes:
        measured_by: module of this package, colon, its function of sizes, device and what says a row; and of what else
            it names: `again`, the command line of another process, and `left`, seconds that there still are.
        share: of the time, in comparison with the other parts; what one leaves over goes to those after it.
        needs: modules, besides those of `LEAST` with what these need themselves.
        environment: variables that its process is started with.
    """

    measured_by: str
    share: float
    needs: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def missing(self) -> list[str]:
        """Modules that are needed and cannot be found."""
        return [name for name in self.needs if find_spec(name) is None]


# What is worth most comes first, and last what can use all the time that is left.
PARTS = {
    "device": Part("device:matrices", 3, _SETTINGS),
    "step of 3B": Part("updates:full_step", 6, _TRAINING),
    "LoRA step of 3B": Part("updates:lora_step", 5, _TRAINING),
    "LoRA pass of 7B": Part("updates:lora_pass", 6, _TRAINING),  # its forecast takes longer than it
    "shared prefix": Part("updates:shared_prefix", 4, _TRAINING),
    "repeats": Part("repeats:repeats", 5, _TRAINING, _REPEATABLE),
    "embedder": Part("embedding:embedding", 3, _SETTINGS),
    "diffusion": Part("pictures:diffusion", 12, _PICTURES),
}
