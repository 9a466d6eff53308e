"""Where a model looks while it is made to say what was changed: attention from an answer to tokens of two pictures.

The text is one and the same for all models, the pair's own statements: what differs between two models is where they
look, not what they say.

Two ways of reading attention are kept side by side: that of the last layer, and attention rollout (Abnar and Zuidema
2020), which follows what earlier layers had mixed into each position: the product over layers of (A + I) / 2, A being
the mean over heads. Both need the attention weights themselves, hence a model loaded with `attention: eager`.

Works for any Qwen2.5-VL: the token grid of a picture is read from what its processor made of it. A pair of pictures
takes layers × heads × tokens² numbers of memory at once.
"""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from PIL import Image, ImageChops
from tqdm import tqdm

from viper.completion import answer_span, write
from viper.config.evaluation import AttentionSection
from viper.errors import ViperError
from viper.models.base import Chat
from viper.models.transformers_vlm import TransformersVLM
from viper.synthesis.rows import Row, unpack_image

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

LAST_LAYER, ROLLOUT = "last layer", "rollout"
COLUMNS = ["id", "method", "share", "area", "statement", "rows", "columns", "changed", "before", "after"]


def measure(vlm: TransformersVLM, pairs: list[Row], section: AttentionSection) -> pd.DataFrame:
    """Measure the attention from the statements of each pair of a VOP data set, in one forward pass without sampling.

    Returns:
        COLUMNS, one row per pair and method: `share` of the attention on both pictures that lies in the changed region,
        `area` the region's share of the pictures, `statement` the answer that attention was followed from; the token
        grid has `rows` × `columns` fields, in reading order: whether they `changed`, and the attention on the picture
        `before` and `after` (together 1).

    Raises:
        ViperError: the two pictures of a pair have different grids, or are equal; or nothing is stated of them.
    """
    return pd.DataFrame(
        [
            {"id": pair["id"], "method": method, **measured}
            for pair in tqdm(pairs, desc="attention", unit="pair", mininterval=2)
            for method, measured in _measure_pair(vlm, pair, section).items()
        ],
        columns=COLUMNS,
    )


def _measure_pair(vlm: TransformersVLM, pair: Row, section: AttentionSection) -> dict[str, dict]:
    before, after = (unpack_image(image) for image in pair["images"])
    statement = " ".join(pair["ground_truth"]).strip()
    if not statement:
        raise ViperError(f"pair {pair['id']}: its ground_truth states nothing: make the data set anew")
    rows, columns, weights = attend(vlm, Chat([before, after], pair["prompt"]), section.think, statement, pair["id"])
    changed = changed_fields(before, after, rows, columns, section.changed)
    if changed is None:
        raise ViperError(f"pair {pair['id']}: its two pictures are equal, so there is no changed region: make it anew")
    return {
        method: _region(values, changed) | {"statement": statement, "rows": rows, "columns": columns}
        for method, values in weights.items()
    }


def attend(
    vlm: TransformersVLM, chat: Chat, think: str, statement: str, name: str
) -> tuple[int, int, dict[str, np.ndarray]]:
    """Attention from a statement that a model is made to say to the tokens of the pictures that it is shown.

    Args:
        think: the reasoning that it is made to say before.
        name: what a message calls the pictures.

    Returns:
        Rows and columns of each picture's token grid; method → (pictures × rows × columns,) attention of each token.

    Raises:
        ViperError: the pictures have different grids.
    """
    import torch

    inputs = vlm.prepare([chat])
    spoken, inside = tokens_of(vlm.processor.tokenizer, write(think, statement))
    start = inputs["input_ids"].shape[1]
    tokens = torch.cat([inputs["input_ids"], inputs["input_ids"].new_tensor([spoken])], dim=1)
    fields = dict(inputs) | {"input_ids": tokens, "attention_mask": torch.ones_like(tokens)}
    if "mm_token_type_ids" in inputs:  # 0: text, as all of a completion
        fields["mm_token_type_ids"] = torch.nn.functional.pad(inputs["mm_token_type_ids"], (0, len(spoken)))
    with torch.inference_mode():
        attentions = vlm.model(**fields, output_attentions=True, use_cache=False).attentions
    layers = [layer[0].float().mean(dim=0) for layer in attentions]
    # The model decides on a token while it stands one position before it.
    positions = [start + index - 1 for index in inside]
    is_image = tokens[0] == vlm.model.config.image_token_id
    rows, columns = _grid(name, inputs["image_grid_thw"], vlm.model.config.vision_config.spatial_merge_size)
    found = {LAST_LAYER: layers[-1][positions].mean(dim=0), ROLLOUT: rollout(layers, positions)}
    return rows, columns, {method: weights[is_image].cpu().numpy() for method, weights in found.items()}


def rollout(layers: list["torch.Tensor"], positions: list[int]) -> "torch.Tensor":
    """Attention rollout from some positions, their mean: (tokens,), of a (tokens, tokens) matrix for each layer."""
    import torch

    flow = torch.eye(len(layers[0]), dtype=layers[0].dtype, device=layers[0].device)[positions]
    for layer in reversed(layers):
        flow = (flow @ layer + flow) / 2
    return flow.mean(dim=0)


def tokens_of(tokenizer: "PreTrainedTokenizerBase", completion: str) -> tuple[list[int], list[int]]:
    """The tokens of a completion that `write` wrote, and which of them are its answer, tags and blanks left out.

    A tag may be several tokens, so the place of each token in the text is asked: that takes a fast tokenizer.
    """
    encoded = tokenizer(completion, add_special_tokens=False, return_offsets_mapping=True)
    begin, end = answer_span(completion)
    inside = [
        index
        for index, (first, last) in enumerate(encoded["offset_mapping"])
        if completion[max(first, begin) : min(last, end)].strip()
    ]
    return encoded["input_ids"], inside


def changed_fields(before: Image.Image, after: Image.Image, rows: int, columns: int, share: float) -> np.ndarray | None:
    """Which fields of a grid differ: (rows, columns) of booleans; None where the pictures are equal.

    The absolute difference of pixels is averaged over each field; a field has changed where that exceeds `share` of the
    largest one. The truth is not asked.
    """
    difference = ImageChops.difference(before, after)
    pooled = np.stack(
        [
            np.asarray(Image.fromarray(channel).resize((columns, rows), Image.Resampling.BOX))
            for channel in np.moveaxis(np.asarray(difference, dtype=np.float32), -1, 0)
        ]
    ).mean(axis=0)
    return pooled > share * pooled.max() if pooled.max() > 0 else None


def _grid(name: str, sizes: "torch.Tensor", merge: int) -> tuple[int, int]:
    """Rows and columns of the tokens of each of the pictures."""
    grids = {(int(height) // merge, int(width) // merge) for _, height, width in sizes.tolist()}
    if len(grids) > 1:
        raise ViperError(f"pair {name}: its two pictures have different token grids: {sorted(grids)}")
    return grids.pop()


def _region(weights: np.ndarray, changed: np.ndarray) -> dict:
    """Share of the attention on both pictures inside the changed region, and the maps; `weights` is (2 × fields,)."""
    before, after = np.split(weights / weights.sum(), 2)
    inside = changed.ravel()
    return {
        "share": float((before + after)[inside].sum()),
        "area": float(inside.mean()),
        "changed": inside.tolist(),
        "before": before.tolist(),
        "after": after.tolist(),
    }
