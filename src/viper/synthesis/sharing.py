"""Which lineage's tables, checkpoints and threshold serve another too: what variants would do alike is done once."""

from collections.abc import Callable
from operator import attrgetter

from viper.config.schema import VARIED, Scale
from viper.lineage import BASE, is_trained, variant_of
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
    return _root(_first_alike(scale, variant, lambda each: _values(scale, each, needed)))


def trained_as(scale: Scale, checkpoint: str) -> str:
    """The lineage whose training gives the checkpoint of a lineage.

    Args:
        scale: its parameters.
        checkpoint: name of a lineage without a control, such as `base~fresh.gen`.

    Returns:
        The same phases under the first of the scale and its variants, in the order of `variants`, under which all that
        they depend on is the same; seed images of later generations are no matter to the first.
    """
    variant = variant_of(checkpoint)
    if not variant or not is_trained(checkpoint):
        return checkpoint
    _, *phases = checkpoint.split(".")
    is_first = scale.training.lineage(checkpoint, scale.variants).generation == 1

    def depends_on(each: str) -> dict[str, object]:
        values = scale.under(each)
        sections = {name: getattr(values, name).model_dump() for name in sorted(VARIED)}
        if is_first:
            sections["synthesis"]["images"].pop("fresh")
        return sections

    return ".".join((_root(_first_alike(scale, variant, depends_on)), *phases))


def calibrated_as(scale: Scale, lineage: str) -> str:
    """The base or its variant for whose embedder the threshold of a lineage is chosen.

    Args:
        scale: its parameters.
        lineage: such as `base~e5.csr`.

    Returns:
        The first of the base and its variants, in the order of `variants`, with the same embedder and the same way to
        choose.
    """

    def depends_on(each: str) -> tuple[object, object]:
        section = scale.under(each).reward
        return section.embedder, section.calibration

    return _root(_first_alike(scale, variant_of(lineage), depends_on))


def shards_of(scale: Scale, lineage: str) -> range:
    """The numbers of the shards of seed images that a lineage synthesizes from.

    Args:
        scale: its parameters.
        lineage: of the model that synthesizes, such as `base~fresh.gen`, without a control.
    """
    taken = scale.under(variant_of(lineage)).synthesis.images
    first = scale.images.all_shards * scale.training.lineage(lineage, scale.variants).generation if taken.fresh else 0
    return range(first, first + (taken.shards or scale.images.all_shards))


def _first_alike(scale: Scale, variant: str, depends_on: Callable[[str], object]) -> str:
    """The first variant, '' before all others, on which something depends as it does on this one."""
    own = depends_on(variant)
    return next(each for each in ("", *scale.variants) if each == variant or depends_on(each) == own)


def _root(variant: str) -> str:
    return f"{BASE}~{variant}" if variant else BASE


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
