"""The skills' door to the drawn world: probes of each skill."""

from pathlib import Path


def benchmarks() -> tuple[str, ...]:
    """The benchmarks as which probes are asked and scored."""
    from microworld.adapters.skills import SKILLS

    return tuple(dict.fromkeys(skill.benchmark for skill in SKILLS.values()))


def skill_of() -> dict[tuple[str, str, str], str]:
    """(benchmark, category, kind of question) → the skill that it asks for."""
    from microworld.adapters.skills import SKILLS

    return {(skill.benchmark, *skill.keys): name for name, skill in SKILLS.items()}


def chance() -> dict[str, float]:
    """Skill → share of right answers of one who guesses among its k options, each right equally often: 1/k."""
    from microworld.adapters.skills import SKILLS

    return {name: 1 / skill.options for name, skill in SKILLS.items()}


def write(benchmark: str, seed: int, size: int, pictures: str, output: Path) -> None:
    """Draw probes into a TSV; see `microworld.adapters.skills.write`."""
    from microworld.adapters import skills

    skills.write(benchmark, seed, size, pictures, output)
