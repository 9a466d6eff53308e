"""Which lineage is which generation of which arm, read off the names that `open_questions.generations` lists.

The first generation is one for all arms. From it on, an arm is

- *same*: each generation trains on what its parent synthesised from the same seed images;
- *fresh*: the same, from seed images of its own (`synthesis.images.fresh` of the lineages' variant);
- *control*: each trains as long, on the data of the first generation (`training.phases.NAME.data_from` is `first`).
"""

from pydantic import BaseModel

from viper.config.schema import Scale
from viper.errors import ViperError
from viper.synthesis.sharing import trained_as

SAME, FRESH, CONTROL = "same", "fresh", "control"
ARMS = (SAME, FRESH, CONTROL)
BEFORE = 0  # the generation of the base


class Turn(BaseModel):
    """One generation of one arm.

    Attributes:
        arm: one of ARMS; the base and the first generation stand in every arm that there is.
        generation: 0 for the base.
        lineage: its checkpoint.
        data: the lineage that synthesised what its last phase trained on; '' for the base.
    """

    arm: str
    generation: int
    lineage: str
    data: str = ""


def turns(scale: Scale) -> list[Turn]:
    """Every generation of every arm, arm by arm, from the base on.

    Raises:
        ViperError: the lineages do not make such arms, or these are not of one length.
    """
    base, *trained = scale.open_questions.generations.lineages
    parsed = {name: scale.training.lineage(name, scale.variants) for name in trained}
    first = [name for name, parts in parsed.items() if len(parts.phases) == 1]
    if not scale.training.lineage(base, scale.variants).is_base or len(first) != 1:
        raise _refused(f"begin with the base, and name one lineage of one phase, the first generation: {first}")
    arms = {arm: [Turn(arm=arm, generation=BEFORE, lineage=base)] for arm in ARMS}
    for arm in ARMS:
        arms[arm].append(Turn(arm=arm, generation=1, lineage=first[0], data=parsed[first[0]].data_lineage))
    for name, parts in sorted(parsed.items(), key=lambda each: len(each[1].phases)):
        if len(parts.phases) == 1:
            continue
        arm = _arm(scale, parts.phase, parts.variant)
        if trained_as(scale, parts.parent) != trained_as(scale, arms[arm][-1].lineage):
            raise _refused(f"{name}, of the arm '{arm}', does not go on from {arms[arm][-1].lineage}")
        arms[arm].append(Turn(arm=arm, generation=len(parts.phases), lineage=name, data=parts.data_lineage))
    found = {arm: each for arm, each in arms.items() if len(each) > 2}
    if {SAME, CONTROL} - set(found) or len({len(each) for each in found.values()}) != 1:
        told = ", ".join(f"{arm} {len(each) - 1}" for arm, each in arms.items())
        raise _refused(f"the arms 'same' and 'control', and 'fresh' where it is asked, go as far as each other: {told}")
    return [turn for each in found.values() for turn in each]


def _arm(scale: Scale, phase: str, variant: str) -> str:
    if scale.training.phases[phase].data_from == "first":
        return CONTROL
    return FRESH if scale.under(variant).synthesis.images.fresh else SAME


def _refused(what: str) -> ViperError:
    return ViperError(f"open_questions.generations.lineages: {what}. Name every generation of every arm, once")
