"""From hard entities to editing operations: the loop's hand-written heuristics (docs/paper.md, Loop: attribute, text,
spatial relation, presence; size and count besides).

The heuristics are the same in every world. What an entity is and how a change is said belongs to a `Language`: the
grammar of the micro world (`world.py`) or English templates (`english.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from viper.config.synthesis import OperationsSection


@dataclass(frozen=True)
class Change:
    """One operation in words.

    Attributes:
        type: one of `viper.config.synthesis.OperationType`.
        statement: what was done, in the past passive: the ground truth of Visual-Operation Predicting.
        instruction: the same as an order to the editor.
        touches: names of what it takes part in (entities, places): two changes of a picture must not share one.
        newcomer: the entity that it brings; None where it brings none.
    """

    type: str
    statement: str
    instruction: str
    touches: frozenset[str]
    newcomer: Any = None


@dataclass(frozen=True)
class Agreement:
    """Further captions of a picture, and how many of them must say something for it to be built upon.

    Attributes:
        captions: what the VLM says when asked again.
        least: 0 where nothing is asked of them.
    """

    captions: tuple[str, ...] = ()
    least: int = 0

    def on(self, says: Callable[[str], bool]) -> bool:
        """Whether enough of the captions say so."""
        return sum(map(says, self.captions)) >= self.least


class Language(Protocol):
    """Reads what the VLM says about a picture, and words the changes to it."""

    def read(self, caption: str, answer: str, agreement: Agreement) -> tuple[Any, list[Any]]:
        """Return what the caption describes (passed back to `propose`) and the hard entities of the answer.

        Whether a place is free is also a matter of `agreement`, where the language knows places.
        """
        ...

    def mentions(self, caption: str, entity: Any) -> bool:
        """Whether a caption speaks of this very entity."""
        ...

    def key(self, sentence: str) -> str:
        """What two sentences have in common if they say the same, however it is worded."""
        ...

    def kind(self, sentence: str) -> str:
        """What kind of refinement or operation a sentence is; '' where that cannot be read."""
        ...

    def propose(self, rng: np.random.Generator, described: Any, type: str, entity: Any) -> Change | None:
        """Return a random change of `type` to `entity`; None where it has nothing that could change so."""
        ...

    def joined(self, described: Any, newcomer: Any) -> Any:
        """What is described, with an entity besides."""
        ...

    def texts(self, caption: str) -> list[str]:
        """The texts, such as letters, that a caption says are in the picture."""
        ...

    def differences(self, meant: str, said: str, rng: np.random.Generator) -> list[str] | None:
        """What has to change in a caption `said` where `meant` is true of the picture; None where it cannot be told."""
        ...


def get_language(name: str) -> Language:
    """The language called `name` in params.yaml ('micro' or 'english')."""
    if name == "micro":
        from viper.synthesis import world

        return world.language()
    from viper.synthesis.english import EnglishLanguage

    return EnglishLanguage()


def plan_changes(
    language: Language,
    section: OperationsSection,
    *,
    caption: str,
    answer: str,
    seed: int,
    agreement: Agreement = Agreement(),
) -> tuple[list[Change], str]:
    """Choose one to `max_operations` changes for a picture, each to another hard entity.

    Types are tried in random order for each entity, so that a frequent one does not crowd out a rare one. A change of
    count stays alone: a second change among look-alikes would make its numbers wrong.

    Args:
        caption: the refined caption.
        answer: the VLM's list of hard entities.
        agreement: entities on which its captions do not agree are left out.

    Returns:
        The changes, and '' or the reason why there are none.
    """
    rng = np.random.default_rng(seed)
    described, entities = language.read(caption, answer, agreement)
    if not entities:
        return [], "no entities"
    entities = [each for each in entities if agreement.on(lambda said, each=each: language.mentions(said, each))]
    if not entities:
        return [], "no entity that the captions agree on"
    wanted = int(rng.integers(1, section.max_operations + 1))
    changes: list[Change] = []
    for position in rng.permutation(len(entities)):
        if len(changes) == wanted or (changes and changes[0].type == "count"):
            break
        change = _change_one(language, rng, described, entities[position], section.types, changes)
        if change is not None:
            changes.append(change)
    return changes, "" if changes else "no operation fits"


def plan_on_newcomer(
    language: Language,
    section: OperationsSection,
    *,
    caption: str,
    answer: str,
    seed: int,
    agreement: Agreement = Agreement(),
) -> tuple[Change | None, list[Change], str]:
    """Choose something to add to a picture, and a change to that: what it starts from, nobody needs to have seen.

    Types are tried in random order. Where it is the turn of an addition, the addition itself is the change.

    Args:
        caption, answer, agreement: as in `plan_changes`; the newcomer goes where they leave a place free.

    Returns:
        The addition that comes first (None where there is none), the change alone in a list, and '' or the reason why
        there is none.
    """
    rng = np.random.default_rng(seed)
    described, entities = language.read(caption, answer, agreement)
    if not entities:
        return None, [], "no entities"
    addition = language.propose(rng, described, "add", entities[int(rng.integers(len(entities)))])
    if addition is None:
        return None, [], "nothing can be added"
    grown = language.joined(described, addition.newcomer)
    for type in rng.permutation(section.types):
        if type == "add":
            return None, [addition], ""
        if change := language.propose(rng, grown, str(type), addition.newcomer):
            return addition, [change], ""
    return None, [], "no operation fits"


def _change_one(
    language: Language, rng: np.random.Generator, described: Any, entity: Any, types: list[str], before: list[Change]
) -> Change | None:
    """A change to `entity` that does not interfere with those before it; None if there is none."""
    touched = frozenset().union(*(change.touches for change in before))
    for type in rng.permutation(types):
        if before and type == "count":
            continue
        change = language.propose(rng, described, str(type), entity)
        if change is not None and not change.touches & touched:
            return change
    return None
