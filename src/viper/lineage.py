"""Names of checkpoints: what was done to the base, in order.

`base.csr.vop` is the base model, trained first on Caption Self-Refining, then on Visual-Operation Predicting. Its
parent is `base.csr`, its phase `vop`. The name also tells which model synthesized the data it trains on:

- the phases of one *generation* share the data sets that one model synthesized, so `base.csr.vop` trains its last phase
  on the data of `base`, not of `base.csr` (docs/paper.md, Loop: both data sets are made before the training starts);
- a phase that asks for a data set which its generation has already used starts the next generation, whose data the
  parent synthesizes: `base.csr.vop.csr.vop` trains its last two phases on the data of `base.csr.vop`;
- a phase whose `data_from` is `first` trains on the base's data wherever it stands, and starts no generation.

A name may say after the base under which variant of the scale's parameters everything on top of it is made:
`base~truth.vop` is trained on data that the same base synthesizes under `variants.truth`.

A name may end in a control, `base+look`: the checkpoint of `base`, made to begin its answers as `evaluation.controls`
says.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from viper.errors import ViperError

BASE = "base"
ROOT = rf"{BASE}(~[a-z0-9_]+)?"  # what every name begins with, as a regular expression: the base, under some variant


def split_control(name: str) -> tuple[str, str]:
    """The checkpoint that answers for a lineage, and the control that it is asked with ('' for none)."""
    checkpoint, _, control = name.partition("+")
    return checkpoint, control


def is_trained(name: str) -> bool:
    """Whether a lineage has a checkpoint for every seed; the base is one and the same for all of them."""
    return "." in split_control(name)[0]


def variant_of(name: str) -> str:
    """The variant of a scale under which a lineage is made; '' for the scale as it stands."""
    return split_control(name)[0].partition(".")[0].partition("~")[2]


@dataclass(frozen=True)
class Lineage:
    """A checkpoint's name, taken apart.

    Attributes:
        phases: the phases that were trained, in order; empty for the base.
        data_lineage: name of the checkpoint that synthesized what the last phase trains on; of the base, its own.
        generation: how many times the loop has been run: 0 for the base, 1 for `base.csr.vop`, 2 for
            `base.csr.vop.csr`.
        variant: of the scale's parameters, under which data are made and phases trained; '' for none.
    """

    phases: tuple[str, ...]
    data_lineage: str
    generation: int
    variant: str = ""

    def __str__(self) -> str:
        return ".".join((_root(self.variant), *self.phases))

    @property
    def is_base(self) -> bool:
        """Whether nothing was trained on top of the base."""
        return not self.phases

    @property
    def phase(self) -> str:
        """The last phase.

        Raises:
            ViperError: the base has none.
        """
        if self.is_base:
            raise ViperError(f"lineage '{BASE}' has no phase: it is the model that the experiment starts from")
        return self.phases[-1]

    @property
    def stages(self) -> list[str]:
        """Names of the checkpoints on the way from the base, which is left out, to this one, which is the last."""
        return [".".join((_root(self.variant), *self.phases[: number + 1])) for number in range(len(self.phases))]

    @property
    def parent(self) -> str:
        """Name of the checkpoint that the last phase starts from.

        Raises:
            ViperError: the base has none.
        """
        if self.is_base:
            raise ViperError(f"lineage '{BASE}' has no parent: it is the model that the experiment starts from")
        return ".".join((_root(self.variant), *self.phases[:-1]))


def _root(variant: str) -> str:
    return f"{BASE}~{variant}" if variant else BASE


def phase_of(name: str) -> str:
    """The phase that a lineage ends with: 'vop' of 'base.csr.vop'."""
    return name.rpartition(".")[2]


def parse(
    name: str, phases: Mapping[str, Sequence[str]], variants: Collection[str] = (), of_first: Collection[str] = ()
) -> Lineage:
    """Return the parts of the lineage `name`.

    Args:
        name: such as 'base.csr.vop'.
        phases: the phases that can be trained, each with the names of the data sets it uses.
        variants: the names of the scale's variants.
        of_first: the phases that train on the data of the first generation, whichever they are in.

    Raises:
        ViperError: the name does not start at the base, or it has an unknown phase or variant.
    """
    root, *steps = name.split(".")
    first, tilde, variant = root.partition("~")
    if first != BASE:
        raise ViperError(f"lineage '{name}' starts with '{first}': begin it with '{BASE}', as in 'base.csr'")
    if tilde and variant not in variants:
        raise ViperError(
            f"lineage '{name}' has the unknown variant '{variant}'; known variants: {', '.join(variants) or 'none'}. "
            "Correct the name, or add the variant to variants"
        )
    started_from, generation, used = root, 0, set()
    for position, phase in enumerate(steps):
        if phase not in phases:
            known = ", ".join(phases)
            raise ViperError(
                f"lineage '{name}' has the unknown phase '{phase}'; known phases: {known}. "
                "Correct the name, or add the phase to training.phases"
            )
        needed = set(phases[phase])
        if generation == 0:
            generation = 1
        elif phase not in of_first and needed & used:
            started_from, generation, used = ".".join((root, *steps[:position])), generation + 1, set()
        used |= needed
    data_lineage = root if steps and steps[-1] in of_first else started_from
    return Lineage(tuple(steps), data_lineage, generation, variant)
