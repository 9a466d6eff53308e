"""The forecast at true size, where there is a GPU to hold it to."""

import pytest
import torch

from viper.bench.gpu import updates
from viper.bench.gpu.rows import Row
from viper.bench.gpu.sizes import true_sizes
from viper.config.training import Lora
from viper.fit import passes
from viper.fit.descriptions import describe

WITHIN = 0.10
NEEDED_BY_7B = 60e9  # bytes of a card: what is forecast, and what is no tensor

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU: the forecast is held to its memory")


@pytest.mark.slow
@pytest.mark.parametrize("lora", [None, Lora()], ids=["full", "lora"])
def test_an_update_of_3b_takes_what_is_forecast(lora):
    """Random weights, a pass of two rows of two pictures, the second of two: 3B, all weights in bfloat16, or LoRA."""
    description = describe("nowhere", f"Qwen/Qwen2.5-VL-3B-Instruct@{'0' * 40}")
    batch = passes.Batch(rows=2, text=400, pictures=2, pixels=1_003_520, completion=512)
    expected = passes.update(description, batch, sharded=True, checkpointing=True, lora=lora)
    static, taken = taken_by_an_update(description.config, batch, lora)
    print(f"forecast {expected.activations / 1e9:.2f} GB, taken {taken / 1e9:.2f} GB besides {static / 1e9:.2f} GB")
    assert static == pytest.approx(2 * (expected.parameters + expected.trained), rel=0.01)
    assert static + expected.activations == pytest.approx(static + taken, rel=WITHIN)


@pytest.mark.slow
def test_a_pass_of_7b_with_adapters_takes_what_is_forecast():
    """The row of `make gpu-check`: float32 weights, cast as they are used; five responses to one prompt."""
    card = torch.cuda.get_device_properties(0).total_memory
    if card < NEEDED_BY_7B:
        pytest.skip(f"7B in float32 takes 45 GB, and this card has {card / 1e9:.0f}")
    said = []
    updates.lora_pass(true_sizes(), "cuda", lambda what, **fields: said.append(Row("pass", what, **fields)))
    (memory,) = [row for row in said if row.unit == "GB at most"]
    print(f"forecast {memory.planned:.2f} GB, taken {memory.value:.2f} GB")
    assert memory.planned == pytest.approx(memory.value, rel=WITHIN)


def taken_by_an_update(config, batch, lora):
    """Bytes on the GPU before a second pass, and the most besides while it runs."""
    from trl.trainer.utils import add_fused_lm_head

    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    try:
        with torch.device("cuda"):
            model = passes._model(config, torch.bfloat16)  # every window of a picture by itself, as in a run
    finally:
        torch.set_default_dtype(torch.float32)
    add_fused_lm_head(model, outputs=("log_probs", "entropy"))
    model.train()
    if lora:
        from peft import get_peft_model

        from viper.training.lora import adapters

        model = get_peft_model(model, adapters(lora, freeze_vision=False))
        model.enable_input_require_grads()
    model.activation_checkpointing_enable({"use_reentrant": False})
    inputs = {name: value.cuda() for name, value in passes._inputs(config, batch).items()}
    labels = inputs["input_ids"].clone()
    labels[:, : -batch.completion] = -100
    pixels = inputs["pixel_values"].nbytes
    for _ in range(2):
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        with torch.autocast("cuda", torch.bfloat16):
            loss = model(**inputs, labels=labels, fused_lm_head=True).log_probs.sum()
        loss.backward()
        del loss
    torch.cuda.synchronize()
    return before - pixels, torch.cuda.max_memory_allocated() - before
