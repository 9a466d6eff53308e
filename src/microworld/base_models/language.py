"""Supervised pretraining of the micro base VLM on `microworld.base_models.tasks`, from easy to hard."""

from collections import defaultdict
from collections.abc import Collection, Mapping

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from tqdm import tqdm

from microworld.base_models.tasks import Sample, changed_cells, restyle, sample_task, soften
from microworld.base_models.vision import IGNORED, SceneHead, eyes, scene_loss, scene_targets

_READOUT_WEIGHT = 0.1


def collate(processor, samples: list[Sample]) -> dict[str, torch.Tensor]:
    """A right-padded batch for the model's forward; `labels` hold the completion and its end of turn only.

    The prompt and the padding are not learned: their label is `IGNORED`.
    """
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


def hidden_states(model, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """States of the middle and of the last layer: (rows, tokens, width) each."""
    inputs = {name: value for name, value in batch.items() if name != "labels"}
    states = model.model(**inputs, use_cache=False, output_hidden_states=True).hidden_states
    return states[len(states) // 2], states[-1]


def token_losses(model, batch: dict[str, torch.Tensor], last: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Cross-entropy of every learned token, (n,), and the row of the batch that each belongs to, (n,)."""
    labels, last = batch["labels"][:, 1:], last[:, :-1]
    learned = labels != IGNORED
    losses = functional.cross_entropy(model.lm_head(last[learned]), labels[learned], reduction="none")
    return losses, learned.nonzero()[:, 0]


class Readout(nn.Module):
    """What the language side should know half way up, so that the layers above can speak of it. Thrown away afterwards.

    Telling two pictures apart by words alone gives a signal for one cell in nine and takes off late; so every picture
    token is asked where it stands, what it shows, what the picture before it showed in the same place and whether that
    differs, and the end of each sentence of a caption in the prompt whether it is true.
    """

    def __init__(self, width: int):
        super().__init__()
        self.place, self.shown, self.before = nn.Linear(width, 9), SceneHead(width), SceneHead(width)
        self.changed, self.true = nn.Linear(width, 2), nn.Linear(width, 2)

    def loss(self, states: torch.Tensor, ids: torch.Tensor, samples: list[Sample], image: int, stop: int):
        """Sum of the cross-entropies over a batch.

        Args:
            states: of the middle layer, (rows, tokens, width). ids: (rows, tokens).
            image, stop: token ids of a picture's placeholder and of the full stop.
        """
        cells = [states[row][ids[row] == image].unflatten(0, (-1, 9)) for row in range(len(samples))]
        scenes = [scene for sample in samples for scene in sample.scenes]
        every = torch.cat(cells)
        places = torch.arange(9).repeat(len(every))
        total = functional.cross_entropy(self.place(every).flatten(0, 1), places)
        total = total + scene_loss(self.shown(every), scene_targets(scenes))
        pairs = [row for row, sample in enumerate(samples) if len(sample.scenes) >= 2]
        if pairs:
            second = torch.stack([cells[row][1] for row in pairs])
            first_scenes, second_scenes = zip(*(samples[row].scenes[:2] for row in pairs), strict=True)
            total = total + scene_loss(self.before(second), scene_targets(first_scenes))
            changed = torch.zeros(len(pairs), 9, dtype=torch.long)
            for row, both in enumerate(zip(first_scenes, second_scenes, strict=True)):
                changed[row, changed_cells(*both)] = 1
            total = total + functional.cross_entropy(self.changed(second).flatten(0, 1), changed.flatten())
        told = [row for row, sample in enumerate(samples) if sample.truths]
        if told:
            ends = torch.cat([states[row][ids[row] == stop][: len(samples[row].truths)] for row in told])
            truths = torch.tensor([truth for row in told for truth in samples[row].truths], dtype=torch.long)
            total = total + functional.cross_entropy(self.true(ends), truths)
        return total


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
    tasks: Mapping[str, float],
    blur: float = 0.0,
    hasty: float | None = None,
    seldom: Collection[str] = (),
) -> dict[str, float]:
    """Train `model`'s language side in place; returns the mean loss per token of each task over the last 50 steps.

    The vision tower has learned to see before (`microworld.base_models.vision`) and stays as it is, which saves its
    backward pass.

    Args:
        easy_steps: of the `steps`, how many use pictures with one or two objects only, at the start.
        tasks: share of each task, in sum 1.
        blur: most that the second picture of a critique is softened, in pixels: a painter's edges are not crisp.
        hasty: share of the examples that are reasoned hastily, the others carefully; None: as the tasks have it.
        seldom: kinds of questions (`tasks.QUESTIONS`) that are asked a fifth as often as the others.
        micro_batches: a batch is sorted by length and cut into so many parts, to waste less on padding.
    """
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    for part in eyes(model):
        part.requires_grad_(False)
    readout = Readout(model.config.text_config.hidden_size)
    stop = processor.tokenizer.convert_tokens_to_ids(".")
    learned = [*(parameter for parameter in model.parameters() if parameter.requires_grad), *readout.parameters()]
    optimizer = torch.optim.AdamW(learned, lr=learning_rate, weight_decay=0.01, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, learning_rate, total_steps=max(2, steps + 1), pct_start=0.05, final_div_factor=5
    )
    history: list[dict[str, float]] = []
    bar = tqdm(range(steps), desc="base VLM", mininterval=10)
    for step in bar:
        samples = [sample_task(rng, tasks, easy=step < easy_steps, seldom=seldom) for _ in range(batch_size)]
        if blur:
            samples = [soften(rng, sample, blur) for sample in samples]
        if hasty is not None:
            samples = [restyle(rng, sample, hasty) for sample in samples]
        samples.sort(key=lambda s: (len(s.scenes), len(s.prompt) + len(s.completion)))
        per_task: dict[str, list[float]] = defaultdict(list)
        optimizer.zero_grad()
        for part in np.array_split(np.arange(batch_size), micro_batches):
            chosen = [samples[i] for i in part]
            batch = collate(processor, chosen)
            middle, last = hidden_states(model, batch)
            losses, rows = token_losses(model, batch, last)
            known = readout.loss(middle, batch["input_ids"], chosen, model.config.image_token_id, stop)
            ((losses.mean() + _READOUT_WEIGHT * known) / micro_batches).backward()
            for row, value in zip(rows.tolist(), losses.tolist(), strict=True):
                per_task[chosen[row].task].append(value)
        torch.nn.utils.clip_grad_norm_(learned, 1.0)
        optimizer.step()
        schedule.step()
        history = [*history[-49:], {task: float(np.mean(values)) for task, values in per_task.items()}]
        bar.set_postfix(
            {task: f"{value:.2f}" for task, value in sorted(history[-1].items())}, readout=f"{known.item():.2f}"
        )
    for part in eyes(model):
        part.requires_grad_(True)
    tasks = sorted({task for row in history for task in row})
    return {task: float(np.mean([row[task] for row in history if task in row])) for task in tasks}
