"""Probes of single fine-grained skills: kinds of question of the drawn benchmarks, each letter as often right."""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from microworld.adapters.benchmarks import table
from microworld.benchmarks import find
from microworld.benchmarks.benchmark import Keys, Question
from viper.errors import ViperError
from viper.files import write_table
from viper.synthesis.rows import row_seed

_MAX_DRAWS = 200  # for each probe


class Skill(NamedTuple):
    """The kind of question that asks for a skill."""

    benchmark: str
    keys: Keys
    options: int


# Of the kinds that ask for a skill, one that the base knows best on clear pictures (benchmarks/admission.csv); it does
# not know spatial relations. Small objects are small letters and digits, counted ones small things.
SKILLS = {
    "text": Skill("MicroStar", ("fine-grained perception", "text"), 4),
    "small objects": Skill("MicroHighRes", ("Perception/OCR with Complex Context", "text"), 5),
    "color": Skill("MicroStar", ("fine-grained perception", "color"), 4),
    "shape": Skill("MicroStar", ("fine-grained perception", "shape"), 4),
    "size": Skill("MicroStar", ("instance reasoning", "odd size"), 4),
    "spatial relation": Skill("MicroStar", ("instance reasoning", "spatial relation"), 4),
    "counting": Skill("MicroHighRes", ("Reasoning/Monitoring", "number"), 5),
    "two pictures": Skill("MicroBlink", ("Spot_the_Difference", "change"), 4),
}


def draw(name: str, seed: int, size: int, pictures: str) -> list[Question]:
    """`size` probes of a skill, every letter right as often as the others, or once more.

    Raises:
        ViperError: there is no such skill.
    """
    if name not in SKILLS:
        raise ViperError(f"unknown skill {name!r}; known: {', '.join(SKILLS)}")
    skill = SKILLS[name]
    rng = np.random.default_rng(row_seed(seed, "skills", name))
    most, more = divmod(size, skill.options)
    probes: list[Question] = []
    counts: Counter[str] = Counter()
    for _ in range(_MAX_DRAWS * size):
        if len(probes) == size:
            return probes
        (probe,) = find(skill.benchmark).sample_group(rng, skill.keys, split=pictures)
        full = sum(count > most for count in counts.values())  # letters that have their one more
        if counts[probe.answer] < most or (counts[probe.answer] == most and full < more):
            counts[probe.answer] += 1
            probes.append(probe)
    raise RuntimeError(f"{name}: no {size} probes with balanced answers after {_MAX_DRAWS * size} draws")


def write(benchmark: str, seed: int, size: int, pictures: str, output: Path) -> None:
    """Write the probes that are asked as one benchmark asks, skill by skill, as its TSV."""
    asked = [name for name, skill in SKILLS.items() if skill.benchmark == benchmark]
    write_table(output, table([[probe] for name in asked for probe in draw(name, seed, size, pictures)]))
