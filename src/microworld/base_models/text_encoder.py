"""The text side of painter and editor: it has learned what goes where before it ever sees noise.

A diffusion model trained from nothing on captions gets the colors in minutes and the places after hours. Here ten
learned queries (nine cells and the background) look the text up, as a Perceiver resampler does (Jaegle et al. 2021),
and are taught on text alone what a caption or an instruction says of each; the painter only has to learn to draw.
"""

import numpy as np
import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from tokenizers import processors
from torch import nn
from tqdm import tqdm
from transformers import CLIPTextConfig, CLIPTextModel, PreTrainedTokenizerFast

from microworld import grammar
from microworld.base_models.tasks import corrupt, operation_cells
from microworld.base_models.vision import IGNORED, SceneHead, scene_accuracy, scene_loss, scene_targets
from microworld.base_models.vlm import build_tokenizer, split_words
from microworld.operations import Operation, apply_operations, sample_operations
from microworld.scene import Scene, sample_scene

MAX_TOKENS = 64  # the longest caption has 59 words with its two markers
WIDTH = 128


def build_text_tokenizer(samples: int = 3000, seed: int = 0) -> PreTrainedTokenizerFast:
    """A word-level tokenizer for captions and instructions, with start and end markers, padded to `MAX_TOKENS`."""
    rng = np.random.default_rng(seed)
    words: set[str] = set()
    for _ in range(samples):
        scene = sample_scene(rng)
        words.update(split_words(grammar.caption(scene)))
        for operation in sample_operations(rng, scene, 2):
            words.update(split_words(grammar.instruction(operation)))
    tokenizer = build_tokenizer(words)
    start, end = "<|im_start|>", "<|im_end|>"
    ids = {word: tokenizer.convert_tokens_to_ids(word) for word in (start, end)}
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}", special_tokens=list(ids.items())
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer.backend_tokenizer,
        unk_token=tokenizer.unk_token,
        pad_token=tokenizer.pad_token,
        bos_token=start,
        eos_token=end,
        padding_side="right",
        model_max_length=MAX_TOKENS,
    )


class LayoutTextEncoder(ModelMixin, ConfigMixin):
    """A tiny CLIP text model and ten queries that look up its states; a diffusers component `text_encoder`."""

    @register_to_config
    def __init__(
        self,
        vocab_size: int,
        bos_token_id: int,
        eos_token_id: int,
        pad_token_id: int,
        width: int = WIDTH,
        layers: int = 3,
        heads: int = 4,
        max_tokens: int = MAX_TOKENS,
    ):
        super().__init__()
        self.text = CLIPTextModel(
            CLIPTextConfig(
                vocab_size=vocab_size,
                hidden_size=width,
                intermediate_size=3 * width,
                num_hidden_layers=layers,
                num_attention_heads=heads,
                max_position_embeddings=max_tokens,
                projection_dim=width,
                bos_token_id=bos_token_id,
                eos_token_id=eos_token_id,
                pad_token_id=pad_token_id,
            )
        )
        self.queries = nn.Parameter(torch.randn(10, width) * 0.5)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None) -> tuple[torch.Tensor]:
        """Token ids (n, 64) → one state for each cell and the background, (n, 10, width), as a tuple of one.

        The queries are part of their states: the painter must know which cell a state speaks of. `attention_mask` is
        accepted as the pipelines pass it, and not used: padding is part of what the model was trained on.
        """
        states = self.text(input_ids).last_hidden_state
        found, _ = self.attention(self.queries.expand(len(states), -1, -1), states, states, need_weights=False)
        return (found + self.queries,)


def build_text_encoder(tokenizer: PreTrainedTokenizerFast, seed: int = 0) -> LayoutTextEncoder:
    """A text encoder with random weights for `tokenizer`."""
    torch.manual_seed(seed)
    return LayoutTextEncoder(
        vocab_size=len(tokenizer),
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def token_ids(tokenizer: PreTrainedTokenizerFast, texts: list[str]) -> torch.Tensor:
    """(n, 64) int64, padded and cut as the diffusers pipelines do."""
    return tokenizer(texts, padding="max_length", truncation=True, max_length=MAX_TOKENS, return_tensors="pt").input_ids


def random_caption(rng: np.random.Generator) -> tuple[str, Scene]:
    """A caption as a VLM may write it, and the scene that it describes."""
    scene = sample_scene(rng)
    if rng.random() < 0.3:
        scene = corrupt(rng, scene)
    return grammar.caption(scene), scene


def random_edit(rng: np.random.Generator, most: int = 2) -> tuple[str, Scene, Scene, list[Operation]]:
    """Instructions, the scene before, the scene after, and the operations."""
    while True:
        scene = sample_scene(rng)
        operations = sample_operations(rng, scene, int(rng.integers(1, most + 1)))
        if operations:
            text = " ".join(map(grammar.instruction, operations))
            return text, scene, apply_operations(scene, operations), operations


def _edit_targets(after: Scene, operations: list[Operation]) -> dict[str, torch.Tensor]:
    """What an instruction says of the picture to come: targets as `scene_targets`, unsaid things ignored."""
    targets = scene_targets([after])
    said = torch.zeros(9, dtype=torch.bool)
    for operation in operations:
        cells = operation_cells(operation)
        said[cells] = True
        if operation.type == "text":  # the instruction names neither
            targets["color"][0, cells] = targets["size"][0, cells] = IGNORED
    for name in ("kind", "color", "size"):
        targets[name][0, ~said] = IGNORED
    background = torch.tensor([IGNORED])
    return targets | {"said": said[None].long(), "shade": background, "texture": background}


def pretrain_text_encoder(encoder, tokenizer, *, steps: int, batch_size: int, learning_rate: float, seed: int) -> dict:
    """Train `encoder` in place to lay out captions and instructions; returns accuracies over the last 20 steps.

    Half of each batch are captions (every cell and the background are asked), half instructions (only the cells that
    the instruction names).
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    head, said = SceneHead(WIDTH), nn.Linear(WIDTH, 2)
    parameters = [*encoder.parameters(), *head.parameters(), *said.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=learning_rate, weight_decay=0.01, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=steps + 1, pct_start=0.1)
    recent: list[dict] = []
    bar = tqdm(range(steps), desc="text encoder", mininterval=5)
    for _ in bar:
        captions = [random_caption(rng) for _ in range(batch_size // 2)]
        edits = [random_edit(rng) for _ in range(batch_size // 2)]
        told = [_edit_targets(after, operations) for _, _, after, operations in edits]
        drawn = scene_targets([scene for _, scene in captions])
        drawn["said"] = torch.ones(len(captions), 9, dtype=torch.long)
        targets = {name: torch.cat([drawn[name], *(one[name] for one in told)]) for name in drawn}
        ids = token_ids(tokenizer, [text for text, *_ in captions + edits])
        (states,) = encoder(ids)
        logits = head(states[:, :9], states[:, 9]) | {"said": said(states[:, :9])}
        loss = scene_loss(logits, targets)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        recent = [*recent[-19:], scene_accuracy(logits, targets)]
        bar.set_postfix(loss=f"{loss.item():.3f}", **{name: f"{value:.2f}" for name, value in recent[-1].items()})
    return {name: float(np.nanmean([row[name] for row in recent])) for name in recent[-1]} if recent else {}
