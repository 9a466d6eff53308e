"""Choosing tokens: the right distribution, from random numbers of each row's own."""

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from viper.models.choosing import AsProcessor, FromStreams, likeliest

CPU = torch.device("cpu")


def drawn(logits, seeds, temperature=1.0, step=0):
    """The token that each seed draws from the same logits."""
    choose = FromStreams(seeds, step + 1, temperature, CPU)
    return choose(torch.tensor(logits).expand(len(seeds), -1), torch.arange(len(seeds)), step)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 1.7])
@pytest.mark.parametrize("step", [0, 5])
def test_tokens_are_as_frequent_as_they_are_likely(temperature, step):
    logits = [0.3, -torch.inf, 2.0, 1.0, -1.5, -torch.inf]
    counts = np.bincount(drawn(logits, list(range(4000)), temperature, step), minlength=6)
    likely = torch.softmax(torch.tensor(logits, dtype=torch.float64) / temperature, -1).numpy() * 4000
    possible = likely > 0
    assert not counts[~possible].any()
    assert chisquare(counts[possible], likely[possible]).pvalue > 0.01


def test_the_steps_of_a_row_are_independent():
    choose = FromStreams(list(range(4000)), 2, 1.0, CPU)
    pairs = [choose(torch.zeros(4000, 2), torch.arange(4000), step) for step in (0, 1)]
    assert chisquare(np.bincount(pairs[0] * 2 + pairs[1], minlength=4)).pvalue > 0.01


def test_a_row_draws_the_same_whatever_rows_are_beside_it():
    logits = torch.randn(6, 50, generator=torch.Generator().manual_seed(0))
    together = FromStreams([7, 8, 9, 10, 11, 12], 9, 1.0, CPU)(logits, torch.arange(6), 8)
    still = torch.tensor([5, 1, 3])  # others have ended
    assert FromStreams([7, 8, 9, 10, 11, 12], 9, 1.0, CPU)(logits[still], still, 8).tolist() == together[still].tolist()
    alone = [FromStreams([7 + row], 9, 1.0, CPU)(logits[row : row + 1], torch.arange(1), 8).item() for row in range(6)]
    assert alone == together.tolist()


@pytest.mark.parametrize(("number", "token"), [(0.0, 1), (1 - 2**-53, 3)])
def test_the_least_and_greatest_number_choose_what_is_possible(number, token):
    choose = FromStreams([0], 1, 1.0, CPU)
    choose.numbers.fill_(number)
    logits = torch.tensor([[-torch.inf, 0.0, 1.0, -30.0, -torch.inf]])
    assert choose(logits, torch.arange(1), 0).item() == token


def test_generate_is_left_one_token():
    logits = torch.randn(3, 8, generator=torch.Generator().manual_seed(0))
    left = AsProcessor(likeliest, 4)(torch.zeros(3, 4, dtype=torch.long), logits)
    assert torch.isfinite(left).sum(-1).tolist() == [1, 1, 1]
    assert left.argmax(-1).tolist() == logits.argmax(-1).tolist()
