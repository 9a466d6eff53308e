"""What the micro base VLM is taught before the experiment begins: the skills that Qwen2.5-VL already has.

Each task draws a scene, so the truth is known, and returns pictures, a prompt (the same Jinja prompts and benchmark
templates as later) and a completion in the `<think>`/`<answer>` format. Only base models see this truth; the ViPER loop
never does.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageFilter

from microworld import draw, grammar
from microworld.base_models.vlm import split_words
from microworld.benchmarks import BENCHMARKS, find, question_prompt, said_answer, sample_question
from microworld.benchmarks.benchmark import Question
from microworld.benchmarks.draws import PLACES
from microworld.findings import look
from microworld.operations import Operation, apply_operations, sample_operations
from microworld.parse import sentences_of
from microworld.scene import (
    CELLS,
    COLORS,
    GLYPHS,
    KINDS,
    MAX_JITTER,
    SHADES,
    SHAPES,
    SIZES,
    TEXTURES,
    Object,
    Scene,
    cell_name,
    make_scene,
    sample_object,
    sample_scene,
)
from viper import completion
from viper.prompts import render as prompt

PROMPTS = "micro"  # the prompt set that the base model is made for
GLANCE, CLOSER_LOOK = "Scan the whole picture.", "Look closely at each object."
_COMPARING = "Compare the two pictures."
_NAMED = re.compile(r"(?:Is there|shows) a (?P<phrase>.+) at the (?P<place>.+)\?")
_LOOKING = (
    GLANCE,
    CLOSER_LOOK,
    "Look closely at the small things.",
    "Focus on the colors.",
    "Focus on the small things.",
)


@dataclass(frozen=True)
class Sample:
    """One supervised example: pictures in order, the user's text, and the completion that is learned.

    `truths` says of each sentence of a caption in the prompt whether it is true of the first picture; `blur` is the
    radius, in pixels, of a Gaussian that softens the second picture; `notes` are what a closer look writes down before
    the answer (see `restyle`).
    """

    task: str
    scenes: tuple[Scene, ...]
    prompt: str
    completion: str
    truths: tuple[bool, ...] = ()
    blur: float = 0.0
    notes: str = ""

    def images(self) -> list[Image.Image]:
        """The pictures, 64x64 RGB each."""
        images = [draw.render(scene) for scene in self.scenes]
        if self.blur:
            images[1] = images[1].filter(ImageFilter.GaussianBlur(self.blur))
        return images


def _thought(rng: np.random.Generator, cells=(), opening: tuple[str, ...] = _LOOKING) -> str:
    """A way of looking, and the places that matter: finding them first makes each sentence of the answer easier."""
    words = str(rng.choice(opening))
    places = [f"the {cell_name(cell)}" for cell in sorted(set(cells))]
    if places:
        words += f" Zoom in on {grammar.listing(places)}."
    return words


def jittered(rng: np.random.Generator, scene: Scene) -> Scene:
    """The same scene with every object somewhere else in its cell, as another painter would draw it."""
    shift = lambda: int(rng.integers(-MAX_JITTER, MAX_JITTER + 1))  # noqa: E731
    return replace(scene, objects=tuple(replace(thing, dx=shift(), dy=shift()) for thing in scene.objects))


def corrupt(rng: np.random.Generator, scene: Scene) -> Scene:
    """What a careless caption says of `scene`: wrong attributes, missed and invented objects, wrong backgrounds."""
    objects: list[Object] = []
    for thing in scene.objects:
        luck = rng.random()
        if luck < 0.06:
            continue
        if luck < 0.15:
            thing = replace(thing, kind=str(rng.choice(GLYPHS if thing.is_glyph else SHAPES)))
        elif luck < 0.26:
            thing = replace(thing, color=str(rng.choice(COLORS)))
        elif luck < 0.30:
            thing = replace(thing, size=str(rng.choice(SIZES)))
        elif luck < 0.32:
            thing = replace(thing, kind=str(rng.choice(KINDS)), color=str(rng.choice(COLORS)))
        objects.append(thing)
    free = [cell for cell in CELLS if cell not in {thing.cell for thing in objects}]
    if rng.random() < 0.15:
        objects.append(sample_object(rng, int(rng.choice(free))))
    shade = str(rng.choice(SHADES)) if rng.random() < 0.1 else scene.shade
    texture = str(rng.choice(TEXTURES)) if rng.random() < 0.15 else scene.texture
    return make_scene(objects, shade, texture)


def changed_cells(first: Scene, second: Scene) -> list[int]:
    """Cells that look different in the two scenes, jitter aside, in reading order."""
    return [cell for cell in CELLS if look(first, cell) != look(second, cell)]


def _truths(caption: str, truth: Scene) -> tuple[bool, ...]:
    right = sentences_of(grammar.caption(truth))
    return tuple(sentence in right for sentence in sentences_of(caption))


def _caption(rng: np.random.Generator, max_objects: int) -> Sample:
    scene = sample_scene(rng, max_objects=max_objects)
    text = completion.write(_thought(rng), grammar.caption(scene))
    return Sample("caption", (scene,), prompt(PROMPTS, "caption"), text)


def _refining(rng: np.random.Generator, max_objects: int, name: str, redraw: bool) -> Sample:
    truth = sample_scene(rng, max_objects=max_objects)
    described = corrupt(rng, truth)
    while described == truth and rng.random() < 0.7:
        described = corrupt(rng, truth)
    found = grammar.refinements(truth, described) or [grammar.NOTHING_TO_REFINE]
    scenes = (truth, jittered(rng, described)) if redraw else (truth,)
    text = completion.write(_thought(rng, changed_cells(truth, described)), grammar.reword(rng, " ".join(found)))
    said = grammar.caption(described)
    notes = " ".join(grammar.notes(described, truth))
    return Sample(name, scenes, prompt(PROMPTS, name, caption=said), text, _truths(said, truth), notes=notes)


def _critique(rng: np.random.Generator, max_objects: int) -> Sample:
    return _refining(rng, max_objects, "critique", redraw=True)


def _csr(rng: np.random.Generator, max_objects: int) -> Sample:
    return _refining(rng, max_objects, "csr", redraw=False)


def _refine(rng: np.random.Generator, max_objects: int) -> Sample:
    truth = sample_scene(rng, max_objects=max_objects)
    described = corrupt(rng, truth)
    found = " ".join(grammar.refinements(truth, described)) or grammar.NOTHING_TO_REFINE
    said = grammar.reword(rng, found)
    text = prompt(PROMPTS, "refine", caption=grammar.caption(described), refinements=said)
    truths = _truths(grammar.caption(described), truth)
    return Sample("refine", (truth,), text, completion.write(_thought(rng), grammar.caption(truth)), truths)


def _entities(rng: np.random.Generator, max_objects: int) -> Sample:
    scene = sample_scene(rng, max_objects=max_objects)
    hard = [thing for thing in scene.objects if thing.size == "small" or thing.is_glyph] or list(scene.objects[:1])
    text = prompt(PROMPTS, "entities", caption=grammar.caption(scene))
    return Sample("entities", (scene,), text, completion.write(_thought(rng), grammar.entities(hard)))


def operation_cells(operation: Operation) -> list[int]:
    """The cells that an operation touches, the one it starts from first."""
    return [thing.cell for thing in (operation.before, operation.after) if thing]


def _vop(rng: np.random.Generator, max_objects: int) -> Sample:
    scene = sample_scene(rng, max_objects=max_objects)
    operations = sample_operations(rng, scene, int(rng.integers(1, 3)))
    operations.sort(key=operation_cells)
    cells = [cell for operation in operations for cell in operation_cells(operation)]
    answer = grammar.reword(rng, " ".join(map(grammar.statement, operations)))
    text = completion.write(_thought(rng, cells, (_COMPARING, *_LOOKING)), answer)
    edited = apply_operations(scene, operations)
    return Sample(
        "vop", (scene, edited), prompt(PROMPTS, "vop"), text, notes=" ".join(grammar.notes(scene, edited)[:-1])
    )


def question_sample(item: Question) -> Sample:
    """A question with its answer.

    The notes check what the question names at a place, in every picture, or else say its facts. Where the answer is a
    letter, they go through the options up to the right one: 'A. red no. B. blue yes.'
    """
    text = completion.write(item.thought, said_answer(item))
    if named := _NAMED.search(item.question):
        cell = PLACES.index(named["place"])
        notes = " ".join(grammar.note(named["phrase"], scene, cell) for scene in item.scenes)
    else:
        notes = item.thought
    if find(item.benchmark).wants_letter:
        for letter, option in item.options.items():
            notes += f" {letter}. {option.removesuffix('.')} {'yes' if letter == item.answer else 'no'}."
            if letter == item.answer:
                break
    return Sample("question", item.scenes, question_prompt(item).strip(), text, notes=notes)


# Every kind of question is taught as often as any other, whichever benchmark has it and whether it is admitted or not.
_KINDS = [(name, kind) for name, benchmark in BENCHMARKS.items() for kind in benchmark.generators]
QUESTIONS = frozenset(f"{name}/{kind}" for name, (_, kind) in _KINDS)
_SELDOM = 0.2


def _question(rng: np.random.Generator, max_objects: int, seldom: Collection[str] = ()) -> Sample:
    while True:
        name, kind = _KINDS[int(rng.integers(len(_KINDS)))]
        if f"{name}/{kind[1]}" not in seldom or rng.random() < _SELDOM:
            return question_sample(sample_question(rng, name, kind, split="train"))


# The tasks by name, in the order in which `pretraining.vlm.language.tasks` gives their shares.
TASKS: dict[str, Callable[[np.random.Generator, int], Sample]] = {
    "caption": _caption,
    "csr": _csr,
    "critique": _critique,
    "refine": _refine,
    "entities": _entities,
    "vop": _vop,
    "question": _question,
}
EASY = {"caption": 0.6, "vop": 0.4}
# The examples that words are gathered from: questions are the most varied.
_WORDY = {
    "caption": 0.12,
    "csr": 0.12,
    "critique": 0.14,
    "refine": 0.04,
    "entities": 0.04,
    "vop": 0.18,
    "question": 0.36,
}


def sample_task(
    rng: np.random.Generator, shares: Mapping[str, float], *, easy: bool = False, seldom: Collection[str] = ()
) -> Sample:
    """One training example of a task drawn with probabilities `shares` (task → share, in sum 1).

    Args:
        easy: draw captions and changes of one- or two-object pictures only.
        seldom: the kinds of questions, of `QUESTIONS`, that are asked a fifth as often as the others.
    """
    shares = EASY if easy else shares
    task = list(shares)[rng.choice(len(shares), p=list(shares.values()))]
    if task == "question":
        return _question(rng, 5, seldom)
    return TASKS[task](rng, 2 if easy else 5)


def soften(rng: np.random.Generator, sample: Sample, most: float) -> Sample:
    """The same example; where its second picture stands for a painter's, it is blurred by up to `most` pixels."""
    return replace(sample, blur=float(rng.uniform(0, most))) if sample.task == "critique" else sample


def careful_thought(notes: str) -> str:
    """How a base model reasons that looks closely: it says so, then notes down what it sees."""
    return f"{CLOSER_LOOK} {notes}".strip()


def restyle(rng: np.random.Generator, sample: Sample, hasty: float) -> Sample:
    """The same example, reasoned hastily with probability `hasty`, else carefully.

    A hasty thought is a glance, and a caption written after it is careless. A careful thought begins with a closer look
    and notes down what matters: what each cell shows, and what instead of what; of a question, the facts and the option
    that they speak for. Base models know both, as people do; which of them pays is for reinforcement learning to find
    out. Comparing an image with its reconstruction is always done carefully.
    """
    if sample.task == "critique" or rng.random() >= hasty:
        thought = careful_thought(sample.notes)
    else:
        thought = GLANCE
        if sample.task == "caption":
            return replace(sample, completion=completion.write(thought, grammar.caption(corrupt(rng, *sample.scenes))))
    return replace(sample, completion=completion.with_reasoning(sample.completion, thought))


def vocabulary(samples: int = 4000, seed: int = 0) -> list[str]:
    """Every word of the world, of the prompts and of the questions, gathered from that many drawn examples."""
    rng = np.random.default_rng(seed)
    words = {"system", "user", "assistant", *(str(digit) for digit in range(10)), *"ABCDE.,:;?!()'\"-"}
    for _ in range(samples):
        sample = sample_task(rng, _WORDY)
        words.update(split_words(sample.prompt), split_words(sample.completion))
    return sorted(words)
