"""The reward's door to the drawn world: labelled pairs of sentences that its grammar writes."""

from viper.reward.pairs import Pair


def draw_pairs(count: int, seed: int) -> list[Pair]:
    """Pairs from `count` sentences; see `microworld.adapters.pairs.draw_pairs`."""
    from microworld.adapters import pairs

    return pairs.draw_pairs(count, seed)
