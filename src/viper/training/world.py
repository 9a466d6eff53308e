"""Training's door to the drawn world: chain-of-thought samples that its truth writes."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from viper.config.training import ColdStart

if TYPE_CHECKING:
    from viper.training.cold_start import Sample


def samples(section: ColdStart, seed: int) -> "Iterator[Sample]":
    """Endless samples; see `microworld.adapters.cold_start.samples`."""
    from microworld.adapters import cold_start

    return cold_start.samples(section, seed)
