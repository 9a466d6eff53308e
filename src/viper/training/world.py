"""Training's door to the drawn world: chain-of-thought samples that its truth writes, and what sentences mean."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from viper.config.training import ColdStart

if TYPE_CHECKING:
    from viper.training.cold_start import Sample


def samples(section: ColdStart, seed: int) -> "Iterator[Sample]":
    """Endless samples; see `microworld.adapters.cold_start.samples`."""
    from microworld.adapters import cold_start

    return cold_start.samples(section, seed)


def meaning() -> Callable[[str], str]:
    """A sentence → the same in the first wording of the grammar; see `microworld.adapters.language.MicroLanguage`."""
    from microworld.adapters.language import MicroLanguage

    return MicroLanguage().key
