"""The reward's embedder at true size: how many sentences a second, in the precision of its file and in half of it."""

from viper.bench.gpu.building import build_embedder
from viper.bench.gpu.device import Meter
from viper.bench.gpu.rows import Say
from viper.bench.gpu.sizes import EMBEDDER, Sizes

import torch  # isort: skip

_BATCHES = 10
_FIRST_ID = 10  # those before are special ones


def embedding(sizes: Sizes, device: str, say: Say) -> None:
    """Unit vectors of the first token's state, as BGE-M3 has them, of batches of sentences as long as each other."""
    config = sizes.models[EMBEDDER]["config"]
    shape = (sizes.sentences, sizes.sentence_tokens)
    for dtype in (torch.float32, torch.bfloat16):
        model = build_embedder(config, device=device, dtype=dtype)
        generator = torch.Generator().manual_seed(0)
        ids = torch.randint(_FIRST_ID, config["vocab_size"], shape, generator=generator).to(device)
        mask = torch.ones_like(ids)
        meter = Meter(device)
        with torch.inference_mode():
            model(input_ids=ids, attention_mask=mask)
            with meter.piece("embedding"):
                for _ in range(_BATCHES):
                    states = model(input_ids=ids, attention_mask=mask).last_hidden_state
                    torch.nn.functional.normalize(states[:, 0].float(), dim=-1).cpu()
        name = str(dtype).removeprefix("torch.")
        setting = f"{name}, batches of {shape[0]} sentences of {shape[1]} tokens"
        rate = _BATCHES * shape[0] / meter.seconds["embedding"]
        say("embedder", setting=setting, value=rate, unit="sentences/s")
        say("embedder", setting=setting, value=meter.gigabytes["embedding"], unit="GB at most")
        del model
