"""What runs without numbers takes as much as with them, whatever its shape."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.checkpoint import checkpoint

from viper.fit.weightless import Memory, Weightless, weightless


class Block(torch.nn.Module):
    """Attention and a gated layer, as language models have them, with pictures put where a mask says."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.words = torch.nn.Embedding(50, width)
        self.attend, self.out = torch.nn.Linear(width, 3 * width), torch.nn.Linear(width, width)
        self.gate, self.back = torch.nn.Linear(width, 4 * width), torch.nn.Linear(4 * width, width)

    def forward(self, ids, pictures, *, checkpointing):
        mask = ids == 0
        states = self.words(ids).masked_scatter(mask[..., None], pictures)
        assert states[mask].shape == pictures.shape, "a mask selects as many places as it has"
        states = checkpoint(self.mix, states, use_reentrant=False) if checkpointing else self.mix(states)
        lengths = mask.sum(1).tolist()  # a decision that follows from ids
        rows = zip(states, lengths, strict=True)
        return sum((row[length:] @ self.words.weight.T).logsumexp(-1).sum() for row, length in rows)

    def mix(self, states):
        rows, length, width = states.shape
        queries, keys, values = (
            each.view(rows, length, self.heads, -1).transpose(1, 2) for each in self.attend(states).chunk(3, dim=-1)
        )
        mixed = torch.nn.functional.scaled_dot_product_attention(queries, keys, values, is_causal=True)
        states = states + self.out(mixed.transpose(1, 2).reshape(rows, length, width))
        return states + self.back(torch.nn.functional.silu(self.gate(states)))


def update(memory, rows, length, heads, size, pictures, *, checkpointing, mixed):
    with memory:
        model = Block(heads * size, heads)
        ids = torch.ones(rows, length, dtype=torch.int64)
        ids[:, :pictures] = 0
        shown = torch.empty(rows * pictures, heads * size)
        for _ in range(2):
            with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
                loss = model(ids, shown, checkpointing=checkpointing)
            loss.backward()
    return memory


@settings(max_examples=15, deadline=None)
@given(
    rows=st.integers(1, 3), length=st.integers(3, 40), heads=st.integers(1, 3), size=st.sampled_from([8, 16]),
    pictures=st.integers(1, 2), checkpointing=st.booleans(), mixed=st.booleans(),
)  # fmt: skip
def test_an_update_takes_as_much_without_numbers_as_with_them(**shape):
    assert update(Weightless(), **shape).peak == update(Memory(), **shape).peak > 0


def test_nothing_large_is_there():
    with weightless(torch.bfloat16) as memory:
        layer = torch.nn.Linear(200_000, 200_000, bias=False)  # 80 GB
        before = memory.restart()
        layer(torch.empty(4, 200_000, dtype=torch.bfloat16)).sum().backward()
    assert before == 2 * 200_000**2
    assert memory.peak - before > before, "the gradient is counted too"
    assert torch.get_default_dtype() is torch.float32


def test_what_is_given_back_is_no_longer_counted():
    with Weightless() as memory:
        kept = torch.empty(1000)
        passing = torch.empty(5000)
        assert memory.live == memory.peak == 24_000
        del passing
        assert (memory.live, memory.peak) == (4_000, 24_000)
        assert memory.restart() == memory.peak == 4_000
        view = kept[10:]
        assert (memory.live, len(view)) == (4_000, 990), "a view holds nothing of its own"


def test_integers_are_computed():
    with Weightless():
        places = torch.arange(6).reshape(2, 3)
        assert places.sum(1).tolist() == [3, 12]
        assert torch.empty(6)[places.flatten() > 3].shape == (2,)
        with pytest.raises(Exception, match="_local_scalar_dense"):
            torch.empty(1).item()  # a number that is not there is not made up
