"""A batch of prompts with their images, run through the model once for all responses that share one.

The rows of a GRPO batch repeat each prompt once per rollout. `PromptBatch.distinct` finds the repetitions, whatever
order TRL has shuffled them into, and `prefill` runs what is left.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from transformers import DynamicCache

if TYPE_CHECKING:
    from transformers import Cache, PreTrainedModel

# Families whose positions and caches are known to work this way (tests/training/test_shared_prefix.py has each).
FAMILIES = ("qwen2_5_vl", "internvl")
# Fields whose leading dimension is: a row of the batch; an image; a tile or patch of an image.
_OF_ROWS = ("mm_token_type_ids", "token_type_ids")
_OF_IMAGES = ("image_grid_thw", "image_sizes")


@dataclass(frozen=True)
class PromptBatch:
    """Left-padded prompts.

    Attributes:
        ids, mask: (rows, length).
        images_per_row: number of images of each row.
        fields: what the processor made of the images, all rows after each other: `pixel_values` (patches, ...) with
            `image_grid_thw` (images, 3), or `pixel_values` (images, ...); fields of tokens (rows, length).
        pixels_per_row: rows of `pixel_values` that belong to each row; None: as `image_grid_thw` says, or else as many
            for every image.
    """

    ids: torch.Tensor
    mask: torch.Tensor
    images_per_row: list[int]
    fields: dict[str, torch.Tensor]
    pixels_per_row: list[int] | None = None

    @classmethod
    def joined(
        cls, ids: list[list[int]], images_per_row: list[int], fields: list[dict[str, Any]], *, padding: int
    ) -> "PromptBatch":
        """Prompts that were processed one by one.

        Args:
            ids: tokens of each.
            fields: what the processor made of each prompt's images, and of its tokens, (1, length) each.
            padding: id of the token that shorter prompts are filled up with, on their left.
        """
        rows = [{name: _as_tensor(value) for name, value in each.items()} for each in fields]
        names = dict.fromkeys(name for each in rows for name in each)
        return cls(
            _padded([torch.tensor(row) for row in ids], padding),
            _padded([torch.ones(len(row), dtype=torch.long) for row in ids], 0),
            images_per_row,
            {
                name: _padded([each[name][0] for each in rows], 0)
                if name in _OF_ROWS
                else _one_after_the_other([each[name] for each in rows if name in each])
                for name in names
            },
            [len(each.get("pixel_values", ())) for each in rows],
        )

    def _pixels_per_image(self) -> list[int]:
        """Rows of `pixel_values` that belong to each image."""
        images = sum(self.images_per_row)
        if "image_grid_thw" in self.fields:
            return self.fields["image_grid_thw"].prod(dim=-1).tolist()
        rows = len(self.fields["pixel_values"])
        if rows % images:
            raise ValueError(f"{rows} tiles cannot be shared out evenly among {images} images")
        return [rows // images] * images

    def _parts(self) -> list[dict[str, torch.Tensor]]:
        """The image fields of each row by themselves."""
        parts: list[dict[str, torch.Tensor]] = [{} for _ in self.images_per_row]
        if not sum(self.images_per_row):
            return parts
        if (sizes := self.pixels_per_row) is None:
            pixels = iter(self._pixels_per_image())
            sizes = [sum(next(pixels) for _ in range(images)) for images in self.images_per_row]
        for name, value in self.fields.items():
            if name not in _OF_ROWS:
                split = torch.split(value, self.images_per_row if name in _OF_IMAGES else sizes)
                for part, piece in zip(parts, split, strict=True):
                    part[name] = piece
        return parts

    def select(self, rows: list[int]) -> "PromptBatch":
        """The prompts of `rows`, in that order, with their images."""
        parts = self._parts()
        fields = {name: value[rows] for name, value in self.fields.items() if name in _OF_ROWS}
        if sum(self.images_per_row[row] for row in rows):
            names = [name for name in self.fields if name not in _OF_ROWS]
            fields |= {
                name: torch.cat([parts[row][name] for row in rows if self.images_per_row[row]]) for name in names
            }
        images = [self.images_per_row[row] for row in rows]
        pixels = None if self.pixels_per_row is None else [self.pixels_per_row[row] for row in rows]
        return PromptBatch(self.ids[rows], self.mask[rows], images, fields, pixels)

    def distinct(self) -> tuple["PromptBatch", torch.Tensor]:
        """Each prompt once, and for every row the place of its prompt among them, (rows,).

        Two rows share a prompt if all their tokens and all pixels of their images are the same.
        """
        parts, kept, place = self._parts(), [], []
        by_tokens: dict[bytes, list[int]] = {}
        for row, tokens in enumerate(self.ids.masked_fill(self.mask == 0, -1).cpu().numpy()):
            alike = by_tokens.setdefault(tokens.tobytes(), [])
            same = next((index for index in alike if _equal(parts[kept[index]], parts[row])), None)
            if same is None:
                same = len(kept)
                alike.append(same)
                kept.append(row)
            place.append(same)
        return self.select(kept), torch.tensor(place, device=self.ids.device)

    def to(self, device: torch.device | str) -> "PromptBatch":
        """The same prompts on `device`."""
        fields = {name: value.to(device) for name, value in self.fields.items()}
        return replace(self, ids=self.ids.to(device), mask=self.mask.to(device), fields=fields)

    def fields_with(self, further: int) -> dict[str, torch.Tensor]:
        """The fields of these prompts with `further` text tokens after each."""
        return {
            name: torch.nn.functional.pad(value, (0, further)) if name in _OF_ROWS else value
            for name, value in self.fields.items()
        }

    def trimmed(self) -> "PromptBatch":
        """Without columns that are padding in every row."""
        used = self.mask.any(dim=0)
        if bool(used.all()):
            return self
        start = int(used.int().argmax())
        fields = {name: value[:, start:] if name in _OF_ROWS else value for name, value in self.fields.items()}
        return replace(self, ids=self.ids[:, start:], mask=self.mask[:, start:], fields=fields)


def _as_tensor(value: Any) -> torch.Tensor:
    """What a processor made, which may be a list of tensors, one an image: those of fewer tiles are filled up."""
    if isinstance(value, list) and value and isinstance(value[0], torch.Tensor):
        return torch.nn.utils.rnn.pad_sequence(value, batch_first=True)
    return torch.as_tensor(value)


def _padded(rows: list[torch.Tensor], value: int) -> torch.Tensor:
    """Rows of tokens, (rows, longest), filled up on the left."""
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=value, padding_side="left")


def _one_after_the_other(values: list[torch.Tensor]) -> torch.Tensor:
    """What belongs to the images of several prompts, (images, ...) or (patches, ...) each.

    Pictures of LLaVA-OneVision, (images, tiles, ...), have different numbers of tiles: the model ignores what is filled
    up here, as it ignores what its processor fills up.
    """
    if values[0].dim() > 2 and len({value.shape[1] for value in values}) > 1:
        most = max(value.shape[1] for value in values)
        unchanged = [0] * 2 * (values[0].dim() - 2)
        values = [torch.nn.functional.pad(value, (*unchanged, 0, most - value.shape[1])) for value in values]
    return torch.cat(values)


def _equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a)


def position_ids(model: "PreTrainedModel", prompts: PromptBatch, further: int) -> torch.Tensor:
    """Positions of the prompts' tokens and of `further` text tokens after them.

    As the model itself computes them for the whole sequence at once: three-dimensional, (3, rows, length + further),
    where a model has `get_rope_index` and the prompts have images (Qwen's M-RoPE); otherwise (rows, length + further),
    counted from the first column, padding included.
    """
    rows, length = prompts.ids.shape
    inner = model.base_model
    if hasattr(inner, "get_rope_index") and "image_grid_thw" in prompts.fields:
        after = prompts.ids.new_zeros(rows, further)
        positions, _ = inner.get_rope_index(
            torch.cat([prompts.ids, after], dim=1),
            image_grid_thw=prompts.fields["image_grid_thw"],
            attention_mask=torch.cat([prompts.mask, torch.ones_like(after)], dim=1),
            mm_token_type_ids=torch.cat([prompts.fields["mm_token_type_ids"], after], dim=1),
        )
        return positions
    return torch.arange(length + further, device=prompts.ids.device).expand(rows, -1)


def prefill(model: "PreTrainedModel", prompts: PromptBatch, positions: torch.Tensor) -> "Cache":
    """Keys and values of every layer for all tokens of the prompts but the last, with their gradients.

    The last token is left to whoever goes on from here: its output is the distribution of the first response token.

    Args:
        positions: of `position_ids`, at least as long as the prompts.
    """
    length = prompts.ids.shape[1] - 1
    fields = {name: value[:, :-1] if name in _OF_ROWS else value for name, value in prompts.fields.items()}
    return model(
        input_ids=prompts.ids[:, :-1],
        attention_mask=prompts.mask[:, :-1],
        position_ids=positions[..., :length],
        use_cache=True,
        logits_to_keep=1,
        **fields,
    ).past_key_values


def selected(cache: "Cache", rows: torch.Tensor) -> "Cache":
    """A cache of the given rows of `cache`, which stays as it is; gradients flow through."""
    copy = DynamicCache()
    for index, layer in enumerate(cache.layers):
        copy.update(layer.keys[rows], layer.values[rows], index)
    return copy
