"""The loop on one page: from seed images to the tables that both data sets are assembled from (docs/paper.md, Loop).

    image I --VLM--> caption --painter--> reconstruction I'                         caption, reconstruct
    (I, I', caption) --VLM--> refinements                                           critique
    (I, caption, refinements) --VLM--> refined caption --VLM--> hard entities       refine
    hard entities --heuristics--> operations                                        operate
    (I, operations) --editor--> edited image                                        edit

Each step is a rule of its own, with a job per shard, or runs in one process with the others (`run_loop`); what it
reads, makes and depends on is declared here once. `schemas.py` has the columns of the tables, `assemble.py` makes the
data sets of them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from viper.config.base import Section
from viper.config.synthesis import (
    CaptionOptions,
    CritiqueOptions,
    EditSection,
    OperationsSection,
    RefineOptions,
    Synthesis,
)
from viper.models.base import VLM, Editor, Painter
from viper.synthesis import steps
from viper.synthesis.rows import Row
from viper.synthesis.schemas import (
    CAPTIONS,
    CRITIQUES,
    EDITS,
    OPERATIONS,
    RECONSTRUCTIONS,
    REFINEMENTS,
    SEEDS,
    Schema,
)

Tables = dict[str, list[Row]]
Model = VLM | Painter | Editor


@dataclass(frozen=True)
class Step:
    """One step of the loop.

    Attributes:
        name: of its rule; its command has hyphens in place of underscores.
        function: from the rows of `reads`, the model and the options, where it has them, to rows.
        reads: the tables that it reads, in the order in which `function` takes them.
        makes: the table that it makes.
        model: which model it asks; None for none.
        options: what it depends on of the section `synthesis`: some of its keys, or a section of it; None for nothing.
    """

    name: str
    function: Callable[..., list[Row]]
    reads: tuple[Schema, ...]
    makes: Schema
    model: Literal["vlm", "painter", "editor"] | None = None
    options: type[Section] | None = None

    def __call__(
        self,
        tables: Mapping[str, list[Row]],
        model: Model | None,
        options: Section | None,
        *,
        lineage: str,
        seed: int,
    ) -> list[Row]:
        """The rows of the table that the step makes.

        Args:
            tables: name → rows; those of `reads` are used.
            model, options: None where the step has none.
            lineage: name of the VLM that synthesizes, which goes into the rows.
            seed: of the run.
        """
        read = [tables[schema.name] for schema in self.reads]
        given = [each for each in (model, options) if each is not None]
        return self.function(*read, *given, lineage=lineage, seed=seed)

    def part_of(self, section: Synthesis) -> Section | None:
        """What the step depends on, out of the section `synthesis`."""
        if self.options is None:
            return None
        values = {name: getattr(section, name) for name in type(section).model_fields}
        inside = [value for value in values.values() if type(value) is self.options]
        return inside[0] if inside else self.options(**{name: values[name] for name in self.options.model_fields})


CAPTION_IMAGES = Step(
    "caption_images", steps.caption, reads=(SEEDS,), makes=CAPTIONS, model="vlm", options=CaptionOptions
)
RECONSTRUCT_IMAGES = Step(
    "reconstruct_images", steps.reconstruct, reads=(CAPTIONS,), makes=RECONSTRUCTIONS, model="painter"
)
CRITIQUE_CAPTIONS = Step(
    "critique_captions",
    steps.critique,
    reads=(SEEDS, CAPTIONS, RECONSTRUCTIONS),
    makes=CRITIQUES,
    model="vlm",
    options=CritiqueOptions,
)
REFINE_CAPTIONS = Step(
    "refine_captions",
    steps.refine,
    reads=(SEEDS, CAPTIONS, CRITIQUES),
    makes=REFINEMENTS,
    model="vlm",
    options=RefineOptions,
)
PLAN_OPERATIONS = Step(
    "plan_operations", steps.operate, reads=(REFINEMENTS,), makes=OPERATIONS, options=OperationsSection
)
EDIT_IMAGES = Step(
    "edit_images", steps.edit, reads=(SEEDS, OPERATIONS), makes=EDITS, model="editor", options=EditSection
)

STEPS = (CAPTION_IMAGES, RECONSTRUCT_IMAGES, CRITIQUE_CAPTIONS, REFINE_CAPTIONS, PLAN_OPERATIONS, EDIT_IMAGES)


def run_loop(
    seeds: list[Row], vlm: VLM, painter: Painter, editor: Editor, section: Synthesis, *, lineage: str, seed: int
) -> Tables:
    """Every step on these seed images, one after the other in this process.

    Args:
        seeds: rows with the columns of `SEEDS`.
        section: the section `synthesis` of params.yaml.
        lineage: name of the VLM, which goes into the rows.
        seed: of the run.

    Returns:
        Name → rows of each table, the seed images among them: what `viper.synthesis.assemble` reads.
    """
    models = {"vlm": vlm, "painter": painter, "editor": editor}
    tables = {SEEDS.name: seeds}
    for step in STEPS:
        model = models[step.model] if step.model else None
        tables[step.makes.name] = step(tables, model, step.part_of(section), lineage=lineage, seed=seed)
    return tables
