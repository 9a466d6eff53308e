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

from viper.config.synthesis import Synthesis
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
    SEED_IMAGES,
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
        depends_on: of the section `synthesis` of params.yaml.
    """

    name: str
    function: Callable[..., list[Row]]
    reads: tuple[Schema, ...]
    makes: Schema
    model: Literal["vlm", "painter", "editor"] | None = None
    depends_on: tuple[str, ...] = ()

    @property
    def has_options(self) -> bool:
        """Whether its function takes the section `synthesis`."""
        return bool(self.depends_on)

    @property
    def sections(self) -> list[str]:
        """All that it depends on of params.yaml, as its rule says it."""
        return [*([f"models.{self.model}"] if self.model else []), *(f"synthesis.{name}" for name in self.depends_on)]

    def __call__(
        self,
        tables: Mapping[str, list[Row]],
        model: Model | None,
        options: Synthesis | None,
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


CAPTION_IMAGES = Step(
    "caption_images",
    steps.caption,
    reads=(SEED_IMAGES,),
    makes=CAPTIONS,
    model="vlm",
    depends_on=("prompts", "caption"),
)
RECONSTRUCT_IMAGES = Step(
    "reconstruct_images", steps.reconstruct, reads=(CAPTIONS,), makes=RECONSTRUCTIONS, model="painter"
)
CRITIQUE_CAPTIONS = Step(
    "critique_captions",
    steps.critique,
    reads=(SEED_IMAGES, CAPTIONS, RECONSTRUCTIONS),
    makes=CRITIQUES,
    model="vlm",
    depends_on=("prompts", "critique", "caption", "operations.language"),  # a second caption may be asked for
)
REFINE_CAPTIONS = Step(
    "refine_captions",
    steps.refine,
    reads=(SEED_IMAGES, CAPTIONS, CRITIQUES),
    makes=REFINEMENTS,
    model="vlm",
    depends_on=("prompts", "refine", "entities", "opinions", "caption", "vop_share"),  # opinions are further captions
)
PLAN_OPERATIONS = Step(
    "plan_operations", steps.operate, reads=(REFINEMENTS,), makes=OPERATIONS, depends_on=("operations", "opinions")
)
EDIT_IMAGES = Step(
    "edit_images", steps.edit, reads=(SEED_IMAGES, OPERATIONS), makes=EDITS, model="editor", depends_on=("edit",)
)

STEPS = (CAPTION_IMAGES, RECONSTRUCT_IMAGES, CRITIQUE_CAPTIONS, REFINE_CAPTIONS, PLAN_OPERATIONS, EDIT_IMAGES)


def run_loop(
    images: list[Row], vlm: VLM, painter: Painter, editor: Editor, section: Synthesis, *, lineage: str, seed: int
) -> Tables:
    """Every step on these seed images, one after the other in this process.

    Args:
        images: rows with the columns of `SEED_IMAGES`.
        section: the section `synthesis` of params.yaml.
        lineage: name of the VLM, which goes into the rows.
        seed: of the run.

    Returns:
        Name → rows of each table, the seed images among them: what `viper.synthesis.assemble` reads.
    """
    models = {"vlm": vlm, "painter": painter, "editor": editor}
    tables = {SEED_IMAGES.name: images}
    for step in STEPS:
        model = models[step.model] if step.model else None
        tables[step.makes.name] = step(tables, model, section if step.has_options else None, lineage=lineage, seed=seed)
    return tables
