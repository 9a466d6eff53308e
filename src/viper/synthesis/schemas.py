"""Every table of the loop: its columns, and which images it has rows about.

A row that cannot be used further says why in its column `failure` ('' otherwise). Every row but a seed image's carries
the lineage of the VLM, the name of the prompt (or heuristic, or model) that made it, and the run's seed.
"""

from dataclasses import dataclass

import pyarrow as pa

from viper.synthesis.rows import IMAGE, IMAGES, INTEGER, NUMBER, TEXT, TEXTS

Columns = dict[str, pa.DataType]


@dataclass(frozen=True)
class Schema:
    """What one table of a shard holds.

    Attributes:
        name: of the table and of its folder.
        columns: name → type.
        rows_of: the table of which each usable row (`failure` is '') has one row here; '' for the first.
        is_drawn: only the share of these rows has one that is drawn for VOP (`viper.synthesis.rows.drawn_for_vop`).
    """

    name: str
    columns: Columns
    rows_of: str = ""
    is_drawn: bool = False


_MADE_BY = {"failure": TEXT, "lineage": TEXT, "prompt_name": TEXT, "seed": INTEGER}

SEED_IMAGES = Schema("images", {"id": TEXT, "image": IMAGE, "source": TEXT})
CAPTIONS = Schema("captions", {"id": TEXT, "caption": TEXT, "completion": TEXT, **_MADE_BY}, "images")
RECONSTRUCTIONS = Schema("reconstructions", {"id": TEXT, "image": IMAGE, **_MADE_BY}, "captions")
CRITIQUES = Schema(
    "critiques",
    {
        "id": TEXT,
        "picture": TEXT,  # that the caption is held to: the seed "image" or its "reconstruction"
        "caption": TEXT,
        "refinements": TEXTS,
        "completion": TEXT,
        **_MADE_BY,
    },
    "captions",
)
REFINEMENTS = Schema(
    "refinements",
    {
        "id": TEXT,
        "refined_caption": TEXT,
        "entities": TEXT,
        "completion": TEXT,
        "entities_completion": TEXT,
        "opinions": TEXTS,  # further captions of the picture; none where none are asked for
        **_MADE_BY,
    },
    "captions",
    is_drawn=True,
)
OPERATIONS = Schema(
    "operations",
    {
        "id": TEXT,
        "preparation": TEXT,  # an order to the editor: what it adds first, to start from; '' where nothing is
        "types": TEXTS,
        "statements": TEXTS,
        "instructions": TEXTS,
        **_MADE_BY,
    },
    "refinements",
)
EDITS = Schema(
    "edits",
    {
        "id": TEXT,
        "prepared": IMAGES,  # the picture that was started from, where that is not the seed image itself
        "image": IMAGE,
        "least_change": NUMBER,
        "mean_change": NUMBER,
        **_MADE_BY,
    },
    "operations",
)

# In the order in which the loop makes them.
SCHEMAS = {
    schema.name: schema
    for schema in (SEED_IMAGES, CAPTIONS, RECONSTRUCTIONS, CRITIQUES, REFINEMENTS, OPERATIONS, EDITS)
}

# The data sets that are assembled from them.
CSR_COLUMNS: Columns = {
    "id": TEXT,
    "images": IMAGES,
    "caption": TEXT,
    "prompt": TEXT,
    "ground_truth": TEXTS,
    "reasoning": TEXT,  # by which the loop's own model came to the ground truth
    "lineage": TEXT,
    "prompt_name": TEXT,
    "seed": INTEGER,
}
VOP_COLUMNS: Columns = {name: kind for name, kind in CSR_COLUMNS.items() if name != "caption"}
