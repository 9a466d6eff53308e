"""The English of the micro world: facts to sentences. `microworld.parse` reads every one of them back."""

from collections.abc import Sequence

import numpy as np

from microworld.operations import Operation
from microworld.scene import Object, Scene, cell_name

NOTHING_TO_REFINE = "Nothing needs to change."
_NUMBER = {1: "one", 2: "two", 3: "three", 4: "four", 5: "five"}
# What can be said in more than one way: the first is how this module writes it. None occurs in a caption.
WORDINGS = (
    (" was changed from ", " changed from "),
    (" was moved from ", " moved from "),
    (" was added at ", " was added to "),
    (" was removed from ", " was removed at "),
    (" instead of ", " and not "),
    ("The caption misses a ", "The caption misses the "),
)


def reword(rng: np.random.Generator, text: str) -> str:
    """The same statements and refinements, each sentence in one of the wordings that the language knows for it.

    Sentences that are worded in one way only stay as they are.
    """
    for first, *others in WORDINGS:
        said, *rest = text.split(first)
        for part in rest:
            said += str(rng.choice([first, *others])) + part
        text = said
    return text


def plain(text: str) -> str:
    """The same text in the wording in which this module writes it: two wordings of a fact become equal."""
    for first, *others in WORDINGS:
        for other in others:
            text = text.replace(first, other).replace(other, first)  # one may be a part of the other
    return text


def listing(words: Sequence[str]) -> str:
    """'a', 'a and b', 'a, b and c'."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def object_phrase(thing: Object) -> str:
    """'large red circle', 'small blue letter K'."""
    return f"{thing.size} {thing.color} {thing.kind}"


def plural(thing: Object) -> str:
    """'large red circles', 'small white crosses'."""
    phrase = object_phrase(thing)
    if thing.is_glyph:
        size, color, family, mark = phrase.split()
        return f"{size} {color} {family}s {mark}"
    return phrase + ("es" if phrase.endswith("ss") else "s")


def placed_phrase(thing: Object) -> str:
    """'large red circle at the top left', as hard entities are listed."""
    return f"{object_phrase(thing)} at the {cell_name(thing.cell)}"


def sentence(thing: Object) -> str:
    """'A large red circle is at the top left.'"""
    return f"A {object_phrase(thing)} is at the {cell_name(thing.cell)}."


def background_phrase(scene: Scene) -> str:
    """'dark and striped'."""
    return f"{scene.shade} and {scene.texture}"


def background_sentence(scene: Scene) -> str:
    """'The background is dark and striped.'"""
    return f"The background is {background_phrase(scene)}."


def caption(scene: Scene) -> str:
    """Every object in reading order, then the background: one sentence each."""
    return " ".join([*map(sentence, scene.objects), background_sentence(scene)])


def entities(objects) -> str:
    """The list of hard entities, as the VLM writes it."""
    return " ".join(f"{placed_phrase(thing)}." for thing in objects)


def _note(said: str, place: str, seen: str) -> str:
    return f"{said} {place}: {seen} {'yes' if seen == said else 'no'}."


def note(said: str, scene: Scene, cell: int) -> str:
    """'large red circle top left: small red circle no.': said, seen, the same?"""
    thing = scene.at(cell)
    return _note(said, cell_name(cell), object_phrase(thing) if thing else "nothing")


def notes(said: Scene, seen: Scene) -> list[str]:
    """What a closer look writes down, one note a thing: first what was said, then what was not, then the background.

    Args:
        said: what a caption says, or another picture shows. seen: what the picture shows.
    """
    told = [note(object_phrase(thing), seen, thing.cell) for thing in said.objects]
    untold = [note("nothing", seen, thing.cell) for thing in seen.objects if not said.at(thing.cell)]
    return [*told, *untold, _note(background_phrase(said), "background", background_phrase(seen))]


def refinements(truth: Scene, described: Scene) -> list[str]:
    """What must change in a caption that says `described` of a picture that shows `truth`, in reading order.

    An empty list means that the caption is right.
    """
    found = []
    for cell in range(9):
        real, said = truth.at(cell), described.at(cell)
        if real and said and object_phrase(real) != object_phrase(said):
            found.append(
                f"The object at the {cell_name(cell)} is a {object_phrase(real)} instead of a {object_phrase(said)}."
            )
        elif real and not said:
            found.append(f"The caption misses a {placed_phrase(real)}.")
        elif said and not real:
            found.append(f"There is nothing at the {cell_name(cell)} instead of a {object_phrase(said)}.")
    if background_phrase(truth) != background_phrase(described):
        found.append(f"The background is {background_phrase(truth)} instead of {background_phrase(described)}.")
    return found


def statement(operation: Operation) -> str:
    """What an operation did, in the past passive: the ground truth of Visual-Operation Predicting."""
    before, after = operation.before, operation.after
    match operation.type:
        case "color":
            place = f"the {before.size} {before.kind} at the {cell_name(before.cell)}"
            return f"The color of {place} was changed from {before.color} to {after.color}."
        case "size":
            place = f"the {before.color} {before.kind} at the {cell_name(before.cell)}"
            return f"The size of {place} was changed from {before.size} to {after.size}."
        case "shape":
            place = f"the {before.size} {before.color} object at the {cell_name(before.cell)}"
            return f"The shape of {place} was changed from {before.kind} to {after.kind}."
        case "text":
            return f"The text at the {cell_name(before.cell)} was changed from {before.kind} to {after.kind}."
        case "position":
            return (
                f"A {object_phrase(before)} was moved from the {cell_name(before.cell)} to the {cell_name(after.cell)}."
            )
        case "add":
            return f"A {object_phrase(after)} was added at the {cell_name(after.cell)}."
        case "remove":
            return f"A {object_phrase(before)} was removed from the {cell_name(before.cell)}."
        case "count":
            thing, change = (after, "with a new one at") if before is None else (before, "with one gone from")
            first, last = _NUMBER[operation.count_before], _NUMBER[operation.count_after]
            place = cell_name(thing.cell)
            return f"The number of {plural(thing)} was changed from {first} to {last} {change} the {place}."
    raise ValueError(f"unknown operation type {operation.type!r}")


def instruction(operation: Operation) -> str:
    """The same operation as an order to the editor, in the imperative."""
    before, after = operation.before, operation.after
    match operation.type:
        case "color" | "size" | "shape" | "text":
            return statement(operation).replace("The ", "Change the ", 1).replace(" was changed", "")
        case "position":
            return statement(operation).replace("A ", "Move the ", 1).replace(" was moved", "")
        case "add":
            return f"Add a {placed_phrase(after)}."
        case "remove":
            return f"Remove the {placed_phrase(before)}."
        case "count":
            return statement(operation).replace("The ", "Change the ", 1).replace(" was changed", "")
    raise ValueError(f"unknown operation type {operation.type!r}")
