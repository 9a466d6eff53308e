"""How good the micro base models are, against the drawn world's truth: a table of shares with 95 % intervals.

All scenes come from the "dev" layouts, which no base model was trained on.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from microworld import draw, grammar, parse
from microworld.base_models.checker import Checker
from microworld.base_models.tasks import PROMPTS, corrupt, operation_cells
from microworld.findings import ATTRIBUTES, BACKGROUND, Finding, edit_done, look, shares
from microworld.operations import OPERATION_TYPES, apply_operations, propose, sample_operations
from microworld.scene import Scene, sample_scene
from viper.completion import answer_text
from viper.config.models import Models, VlmSection
from viper.models.base import VLM, Chat, Editor, Painter
from viper.prompts import render as prompt

_SPLIT = "dev"
_MAX_NEW_TOKENS = 160


class _Counts:
    """Right and wrong answers by model and by what was asked."""

    def __init__(self):
        self.findings: list[Finding] = []

    def add(self, model: str, measure: str, hits: Iterable[bool]) -> None:
        self.findings.extend(Finding(model, measure, bool(hit)) for hit in hits)

    def table(self) -> pd.DataFrame:
        """Columns model, measure, share, low, high (Wilson, 95 %), n."""
        return shares(self.findings).rename(columns={"step": "model"})


def _ask(vlm: VLM, chats: list[Chat], **sampling) -> list[list[str]]:
    texts = vlm.answer(chats, max_new_tokens=_MAX_NEW_TOKENS, **sampling)
    return [parse.sentences_of(grammar.plain(answer_text(text))) for text in texts]


def _compare(counts: _Counts, measure: str, said: list[list[str]], truth: list[list[str]]) -> None:
    for answer, right in zip(said, truth, strict=True):
        counts.add("vlm", f"{measure}: true sentences that are said", (sentence in answer for sentence in right))
        counts.add("vlm", f"{measure}: said sentences that are true", (sentence in right for sentence in answer))


def measure_vlm(vlm: VLM, count: int, seed: int, temperature: float = 1.0) -> pd.DataFrame:
    """Captions, refinements (with and without the second picture), and operations: sentences exactly right.

    Answers are greedy; captions are measured as the loop samples them too, at `temperature`.
    """
    rng, counts = np.random.default_rng(seed), _Counts()
    scenes = [sample_scene(rng, split=_SPLIT) for _ in range(count)]
    pictures = [draw.render(scene) for scene in scenes]
    chats = [Chat([picture], prompt(PROMPTS, "caption")) for picture in pictures]
    truths = [parse.sentences_of(grammar.caption(scene)) for scene in scenes]
    for name, sampling in (("caption", {}), ("sampled caption", {"temperature": temperature, "seeds": range(count)})):
        captions = _ask(vlm, chats, **sampling)
        _compare(counts, name, captions, truths)
        for caption, scene in zip(captions, scenes, strict=True):
            _compare_scenes(counts, "vlm", parse.described_scene(" ".join(caption)), scene, name)

    described = [corrupt(rng, scene) for scene in scenes]
    pairs = list(zip(scenes, described, strict=True))
    refinements = [grammar.refinements(*pair) or [grammar.NOTHING_TO_REFINE] for pair in pairs]
    told = list(zip(pictures, described, strict=True))
    for name, chats in (
        ("csr", [Chat([picture], prompt(PROMPTS, "csr", caption=grammar.caption(said))) for picture, said in told]),
        (
            "critique",
            [
                Chat([picture, draw.render(said)], prompt(PROMPTS, "critique", caption=grammar.caption(said)))
                for picture, said in told
            ],
        ),
    ):
        _compare(counts, name, _ask(vlm, chats), refinements)

    edits = [sample_operations(rng, scene, int(rng.integers(1, 3))) for scene in scenes]
    chats = [
        Chat([picture, draw.render(apply_operations(scene, operations))], prompt(PROMPTS, "vop"))
        for picture, scene, operations in zip(pictures, scenes, edits, strict=True)
    ]
    _compare(counts, "vop", _ask(vlm, chats), [list(map(grammar.statement, operations)) for operations in edits])
    return counts.table()


def _compare_scenes(counts: _Counts, model: str, seen: Scene, meant: Scene, said: str = "") -> None:
    of = f"{said}, " if said else ""
    counts.add(model, f"{of}fact: cell empty or not", ((seen.at(c) is None) == (meant.at(c) is None) for c in range(9)))
    for thing in meant.objects:
        found = seen.at(thing.cell)
        for attribute in ATTRIBUTES:
            right = found is not None and getattr(found, attribute) == getattr(thing, attribute)
            counts.add(model, f"{of}fact: {attribute}", [right])
            counts.add(model, f"{of}facts right", [right])
    for attribute in BACKGROUND:
        right = getattr(seen, attribute) == getattr(meant, attribute)
        counts.add(model, f"{of}fact: {attribute}", [right])
        counts.add(model, f"{of}facts right", [right])


def measure_painter(painter: Painter, checker: Checker, count: int, seed: int) -> pd.DataFrame:
    """Facts of captions that the checker finds in painted pictures, and in true ones (the checker's own limit)."""
    rng, counts = np.random.default_rng(seed), _Counts()
    scenes = [sample_scene(rng, split=_SPLIT) for _ in range(count)]
    pictures = {
        "painter": painter.paint(list(map(grammar.caption, scenes)), seeds=list(range(count))),
        "checker": list(map(draw.render, scenes)),
    }
    for model, images in pictures.items():
        for seen, meant in zip(checker.read(images), scenes, strict=True):
            _compare_scenes(counts, model, seen, meant)
    return counts.table()


def measure_editor(editor: Editor, checker: Checker, count: int, seed: int) -> pd.DataFrame:
    """Single edits of each type: done where the cells that it names look as ordered, clean where all others stayed."""
    rng, counts, edits = np.random.default_rng(seed), _Counts(), []
    while len(edits) < count:
        scene = sample_scene(rng, split=_SPLIT)
        if operation := propose(rng, scene, OPERATION_TYPES[len(edits) % len(OPERATION_TYPES)]):
            edits.append((scene, operation))
    images = editor.edit(
        [draw.render(scene) for scene, _ in edits],
        [grammar.instruction(operation) for _, operation in edits],
        seeds=list(range(count)),
    )
    for seen, (scene, operation) in zip(checker.read(images), edits, strict=True):
        meant, named = apply_operations(scene, [operation]), operation_cells(operation)
        done = edit_done(operation, seen)
        kept = [look(seen, cell) == look(meant, cell) for cell in range(9) if cell not in named]
        counts.add("editor", "edit done", [done])
        counts.add("editor", f"edit done: {operation.type}", [done])
        counts.add("editor", "other cells kept", kept)
    return counts.table()


def measure(models: Models, caption_temperature: float) -> pd.DataFrame:
    """All base models of a scale on `models.fidelity.pictures` scenes each: one table (see `_Counts.table`).

    The VLM is measured as it was taught, and, where it has a lens, as the loop has it.

    Args:
        caption_temperature: `synthesis.caption.temperature`, at which the loop samples its captions.
    """
    from viper.models.editor import load_editor
    from viper.models.painter import load_painter
    from viper.models.vlm import load_vlm

    def vlm(name: str, section: VlmSection) -> pd.DataFrame:
        table = measure_vlm(load_vlm(section.path, section), count, seed, caption_temperature)
        return table.assign(model=name)

    checker = Checker.from_pretrained(models.checker)
    count, seed = models.fidelity.pictures, models.fidelity.seed
    return pd.concat(
        [
            vlm("vlm", models.vlm.model_copy(update={"lens": None})),
            *([vlm("vlm through its lens", models.vlm)] if models.vlm.lens else []),
            measure_painter(load_painter(models.painter), checker, count, seed),
            measure_editor(load_editor(models.editor), checker, count, seed),
        ],
        ignore_index=True,
    )
