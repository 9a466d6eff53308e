"""Supervised pretraining of the micro base VLM on `viper.models.micro.tasks`, from easy to hard."""

from collections import defaultdict

import numpy as np
import torch
from torch.nn import functional
from tqdm import tqdm

from viper.models.micro.tasks import Sample, sample_task
from viper.models.micro.vision import SceneHead, scene_loss, scene_targets

_COMPARISON_WEIGHT = 0.1
IGNORED = -100  # label of tokens that are not learned: the prompt and the padding


def collate(processor, samples: list[Sample]) -> dict[str, torch.Tensor]:
    """A right-padded batch for the model's forward; `labels` hold the completion and its end of turn only."""
    prompts = [
        processor.apply_chat_template(
            [{"role": "user", "content": [{"type": "image"}] * len(s.scenes) + [{"type": "text", "text": s.prompt}]}],
            add_generation_prompt=True,
        )
        for s in samples
    ]
    texts = [text + s.completion + "<|im_end|>" for text, s in zip(prompts, samples, strict=True)]
    images = [s.images() for s in samples]
    batch = dict(processor(text=texts, images=images, padding=True, padding_side="right", return_tensors="pt"))
    labels = torch.full_like(batch["input_ids"], IGNORED)
    lengths = batch["attention_mask"].sum(1)
    for row, sample in enumerate(samples):
        learned = len(processor.tokenizer(sample.completion)["input_ids"]) + 1
        span = slice(int(lengths[row]) - learned, int(lengths[row]))
        labels[row, span] = batch["input_ids"][row, span]
    return batch | {"labels": labels}


def hidden_states(model, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """States of the last layer: (rows, tokens, width)."""
    inputs = {name: value for name, value in batch.items() if name != "labels"}
    return model.model(**inputs, use_cache=False).last_hidden_state


def token_losses(model, batch: dict[str, torch.Tensor], hidden: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Cross-entropy of every learned token, (n,), and the row of the batch that each belongs to, (n,)."""
    labels, hidden = batch["labels"][:, 1:], hidden[:, :-1]
    learned = labels != IGNORED
    losses = functional.cross_entropy(model.lm_head(hidden[learned]), labels[learned], reduction="none")
    return losses, learned.nonzero()[:, 0]


def comparison_loss(head: SceneHead, batch: dict, hidden: torch.Tensor, samples: list[Sample], image_token: int):
    """How well the tokens of a second picture know what the first showed in the same place.

    Telling two pictures apart by words alone gives a signal for one cell in nine and took off only after hours; asked of
    every cell, it is learned in minutes. Zero where no sample has two pictures.
    """
    rows = [row for row, sample in enumerate(samples) if len(sample.scenes) >= 2]
    if not rows:
        return hidden.sum() * 0
    cells = [hidden[row][batch["input_ids"][row] == image_token].unflatten(0, (-1, 9))[1] for row in rows]
    return scene_loss(head(torch.stack(cells)), scene_targets([samples[row].scenes[0] for row in rows]))


def pretrain_language(
    model,
    processor,
    *,
    steps: int,
    easy_steps: int,
    batch_size: int,
    micro_batches: int,
    learning_rate: float,
    seed: int,
    checkpoint=None,
) -> dict[str, float]:
    """Train `model`'s language side in place; returns the mean loss per token of each task over the last 50 steps.

    The vision tower has learned to see before (`viper.models.micro.vision`) and stays as it is: a third of the time saved.

    Args:
        easy_steps: of the `steps`, how many use pictures with one or two objects only, at the start.
        micro_batches: a batch is sorted by length and cut into so many parts, to waste less on padding.
        checkpoint: called with (step) every 200 steps, so that a long run can be watched or kept.
    """
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    model.model.visual.requires_grad_(False)
    head = SceneHead(model.config.text_config.hidden_size)
    learned = [*(parameter for parameter in model.parameters() if parameter.requires_grad), *head.parameters()]
    optimizer = torch.optim.AdamW(learned, lr=learning_rate, weight_decay=0.01, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, learning_rate, total_steps=max(2, steps + 1), pct_start=0.05, final_div_factor=5
    )
    history: list[dict[str, float]] = []
    bar = tqdm(range(steps), desc="base VLM", mininterval=10)
    for step in bar:
        samples = [sample_task(rng, easy=step < easy_steps) for _ in range(batch_size)]
        samples.sort(key=lambda s: (len(s.scenes), len(s.prompt) + len(s.completion)))
        per_task: dict[str, list[float]] = defaultdict(list)
        optimizer.zero_grad()
        for part in np.array_split(np.arange(batch_size), micro_batches):
            chosen = [samples[i] for i in part]
            batch = collate(processor, chosen)
            hidden = hidden_states(model, batch)
            losses, rows = token_losses(model, batch, hidden)
            compared = comparison_loss(head, batch, hidden, chosen, model.config.image_token_id)
            ((losses.mean() + _COMPARISON_WEIGHT * compared) / micro_batches).backward()
            for row, value in zip(rows.tolist(), losses.tolist(), strict=True):
                per_task[chosen[row].task].append(value)
        torch.nn.utils.clip_grad_norm_(learned, 1.0)
        optimizer.step()
        schedule.step()
        history = [*history[-49:], {task: float(np.mean(values)) for task, values in per_task.items()}]
        bar.set_postfix(
            {task: f"{value:.2f}" for task, value in sorted(history[-1].items())}, compared=f"{compared.item():.2f}"
        )
        if checkpoint and (step + 1) % 200 == 0:
            checkpoint(step + 1)
    model.model.visual.requires_grad_(True)
    tasks = sorted({task for row in history for task in row})
    return {task: float(np.mean([row[task] for row in history if task in row])) for task in tasks}
