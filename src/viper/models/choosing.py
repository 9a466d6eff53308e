"""Which token comes next: the likeliest, or a drawn one.

Two ways of drawing stand side by side. In the loop every response has random numbers of its own (`FromStreams`), so
that it is the same whatever else is in its batch and on whatever device. GRPO's rollouts are TRL's, whose rows share
torch's random generator (`FromTorch`).
"""

from typing import Protocol

import torch
from transformers import LogitsProcessor


class Choice(Protocol):
    """Picks one token for each of some rows of a batch."""

    def __call__(self, logits: torch.Tensor, rows: torch.Tensor, step: int) -> torch.Tensor:
        """Return the ids of the chosen tokens, (n,).

        Args:
            logits: (n, vocabulary), -inf for what must not be chosen.
            rows: which rows of the batch these are, (n,).
            step: number of the token in the response, from 0.
        """
        ...


def likeliest(logits: torch.Tensor, rows: torch.Tensor, step: int) -> torch.Tensor:
    """Greedy decoding."""
    return logits.argmax(dim=-1)


class FromStreams:
    """Draws each token with one random number, of its row's own stream.

    The number, uniform in [0, 1), is looked up in the cumulative distribution of the vocabulary (inverse transform
    sampling). Floating point sums differ by their last bits with the size of a batch, so a token can still change
    where the number lies that close to the border between two tokens.

    Args:
        seeds: of each row of the batch.
        most: tokens that are drawn for a row, at most.
        temperature: above 0.
        device: where the logits will be.
    """

    def __init__(self, seeds: list[int], most: int, temperature: float, device: torch.device):
        streams = [torch.Generator("cpu").manual_seed(seed) for seed in seeds]
        numbers = [torch.rand(most, generator=stream, dtype=torch.float64) for stream in streams]
        self.numbers = torch.stack(numbers).to(device)
        self.temperature = temperature

    def __call__(self, logits: torch.Tensor, rows: torch.Tensor, step: int) -> torch.Tensor:
        """See `Choice`."""
        # In double precision: a vocabulary of 150,000 has many tokens less likely than single precision can add up.
        cumulative = torch.softmax(logits.float() / self.temperature, dim=-1).cumsum(dim=-1, dtype=torch.float64)
        cumulative /= cumulative[:, -1:].clone()  # then the last likely token ends at 1 exactly, above any number
        return torch.searchsorted(cumulative, self.numbers[rows, step, None], right=True)[:, 0]


class FromTorch:
    """Draws tokens as `generate` of transformers does, with noise of torch's random generator for all rows together.

    `torch.multinomial` divides by exponential noise and takes the maximum. Noise is drawn for ended rows too: the same
    state of the generator gives the same responses, whether these are still run or not.

    Args:
        rows: of the batch.
        temperature: above 0.
    """

    def __init__(self, rows: int, temperature: float):
        self.rows, self.temperature = rows, temperature

    def __call__(self, logits: torch.Tensor, rows: torch.Tensor, step: int) -> torch.Tensor:
        """See `Choice`."""
        noise = logits.new_empty(self.rows, logits.shape[1]).exponential_()
        return (torch.softmax(logits / self.temperature, dim=-1) / noise[rows]).argmax(dim=-1)


class AsProcessor(LogitsProcessor):
    """A `Choice` for `generate` of transformers, which then has nothing left to choose: greedy decoding follows it.

    Args:
        choice: what picks the token.
        prompt_length: tokens of the padded prompts.
    """

    def __init__(self, choice: Choice, prompt_length: int):
        self.choice, self.prompt_length = choice, prompt_length

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """The logits with all but the chosen token ruled out."""
        rows = torch.arange(len(scores), device=scores.device)
        chosen = self.choice(scores, rows, input_ids.shape[1] - self.prompt_length)
        return torch.full_like(scores, -torch.inf).scatter(1, chosen[:, None], 0.0)
