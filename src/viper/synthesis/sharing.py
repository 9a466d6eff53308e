"""Which lineage's tables serve another as well: what variants of the base would do alike is done once."""

from operator import attrgetter

from viper.config.schema import Scale
from viper.lineage import BASE, variant_of
from viper.synthesis.loop import STEPS, Step


def maker(scale: Scale, lineage: str, table: str) -> str:
    """The lineage that makes a table of the loop for `lineage`.

    Args:
        scale: its parameters.
        lineage: whose data the table leads to, such as `base~paper`.
        table: such as `captions`.

    Returns:
        The first of the base and its variants, in the order of `variants`, under which this step and all before it
        depend on the same; a checkpoint that was trained makes its own.
    """
    variant = variant_of(lineage)
    if not variant or lineage != f"{BASE}~{variant}":
        return lineage
    needed = _before(table)
    own = _values(scale, variant, needed)
    return next(
        f"{BASE}~{each}" if each else BASE
        for each in ("", *scale.variants)
        if each == variant or _values(scale, each, needed) == own
    )


def _before(table: str) -> list[Step]:
    """The step that makes a table, and those whose tables it reads, and so on."""
    steps = {step.makes.name: step for step in STEPS}
    found = {}
    waiting = [table]
    while waiting:
        name = waiting.pop()
        if name in steps and name not in found:
            found[name] = steps[name]
            waiting += [schema.name for schema in steps[name].reads]
    return list(found.values())


def _values(scale: Scale, variant: str, steps: list[Step]) -> dict[str, object]:
    values = scale.under(variant)
    return {name: attrgetter(name)(values) for step in steps for name in step.sections}
