"""Telling LLaVA-OneVision how many images each row has.

It cuts a single image into tiles and takes several images whole, so its processor says which rows have several
(`batch_num_images`). TRL 1.16 does not hand that on to the loss's forward pass, which then expects tiles everywhere;
and where it needs the log-probabilities of the policy that sampled, it hands it to a method that does not take it. So
`viper.training.prompts_once` leaves it out, and the model counts.
"""

import torch
from transformers import PreTrainedModel


def images_per_row(ids: torch.Tensor, image_token: int) -> list[int]:
    """Number of runs of image placeholders in each row of token ids (rows, length)."""
    is_image = torch.nn.functional.pad((ids == image_token).int(), (1, 0))
    return (is_image.diff(dim=1) == 1).sum(dim=1).tolist()


def count_images(model: PreTrainedModel) -> None:
    """Let every forward pass of a LLaVA-OneVision count its images itself, where nobody says how many there are."""
    if model.config.model_type != "llava_onevision":
        return

    def add_counts(module: PreTrainedModel, positional: tuple, fields: dict) -> tuple[tuple, dict]:
        if fields.get("pixel_values") is not None and fields.get("batch_num_images") is None:
            counts = images_per_row(fields["input_ids"], model.config.image_token_id)
            fields["batch_num_images"] = torch.tensor(counts, device=fields["input_ids"].device)
        return positional, fields

    model.register_forward_pre_hook(add_counts, with_kwargs=True)
