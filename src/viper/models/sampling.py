"""Generating responses: each prompt is run once, and a response that has ended is not run any further.

What `generate` of transformers does, less the work that shows in no token: there, a batch runs until its longest
response has ended, and equal prompts are run once for each response.
"""

import torch
from transformers import PreTrainedModel

from viper.models.choosing import Choice
from viper.models.prompt_batch import PromptBatch, position_ids, prefill

_ENDED_BEFORE_SHRINKING = 0.1  # selecting rows copies the cache, as a step does: not for every response that ends


@torch.no_grad()
def sample_responses(
    model: PreTrainedModel,
    prompts: PromptBatch,
    *,
    place: torch.Tensor | None = None,
    max_new_tokens: int,
    choose: Choice,
    end_tokens: list[int],
    suppressed: list[int],
) -> list[list[int]]:
    """One response to every row of `prompts`; rows with the same prompt share its forward pass.

    The model's family must be among `viper.models.prompt_batch.FAMILIES`.

    Args:
        place: for each response that is wanted, which of `prompts` it answers, (responses,), where these are distinct;
            None: one to each, and equal ones are found by comparing them.
        max_new_tokens: most tokens of a response, the end token included.
        choose: picks the next token of each row.
        end_tokens: ids that end a response.
        suppressed: ids that are never drawn.

    Returns:
        Token ids of each response, its end token included, in the order of the rows, or of `place`.
    """
    prompts = prompts.trimmed()
    shared, place = prompts.distinct() if place is None else (prompts, place)
    positions = position_ids(model, shared, max_new_tokens)
    cache = prefill(model, shared, positions)
    cache.batch_select_indices(place)
    positions = positions.index_select(-2, place)
    rows, length = len(place), prompts.ids.shape[1]
    running = torch.arange(rows, device=prompts.ids.device)  # the rows that the cache holds
    mask = torch.cat([shared.mask[place], prompts.mask.new_ones(rows, max_new_tokens)], dim=1)
    ended = torch.zeros(rows, dtype=torch.bool, device=prompts.ids.device)
    tokens, drawn = shared.ids[place, -1:], []
    end = torch.tensor(end_tokens, device=prompts.ids.device)
    for step in range(max_new_tokens):
        column = length - 1 + step
        logits = model(
            input_ids=tokens,
            attention_mask=mask[running, : column + 1],
            position_ids=positions[..., running, column : column + 1],
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        ).logits[:, -1].float()  # fmt: skip
        logits[:, suppressed] = -torch.inf
        chosen = choose(logits, running, step)
        column_of_all = torch.full((rows,), -1, device=chosen.device)  # -1: after the end
        column_of_all[running] = chosen.masked_fill(ended[running], -1)
        drawn.append(column_of_all)
        ended[running] |= torch.isin(chosen, end)
        still = ~ended[running]
        if not still.any():
            break
        if (~still).sum() > _ENDED_BEFORE_SHRINKING * len(running):
            cache.batch_select_indices(still.nonzero()[:, 0])
            running, chosen = running[still], chosen[still]
        tokens = chosen[:, None]
    return [[token for token in row if token >= 0] for row in torch.stack(drawn, dim=1).tolist()]
