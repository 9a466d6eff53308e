"""What a model says of captions: of the pairs that it was trained on, and of right captions of drawn pictures."""

from collections.abc import Sequence

from viper.config.questions.diffusion_errors import DiffusionErrors
from viper.models.base import VLM, Chat
from viper.prompts import render
from viper.synthesis.rows import TEXT, Row, row_seed, unpack_image

LABEL, TRUE_CAPTION = "label", "true caption"  # what is asked about: a row of the data set, a drawn picture
BEFORE, AFTER = "before", "after"  # who is asked: the model that made the data set, the one trained on it
COLUMNS = {"asked": TEXT, "probe": TEXT, "id": TEXT, "completion": TEXT}


def chosen(rows: Sequence[Row], section: DiffusionErrors, seed: int) -> list[Row]:
    """The rows of a data set that are asked about: at most `section.pairs`, drawn by their ids."""
    return sorted(rows, key=lambda row: row_seed(seed, "asked pairs", row["id"]))[: section.pairs]


def ask(
    vlm: VLM,
    asked: str,
    rows: Sequence[Row],
    captions: Sequence[tuple],
    section: DiffusionErrors,
    prompts: str,
    *,
    seed: int,
) -> list[Row]:
    """One sampled answer to each question, with the same random numbers for whoever is asked.

    Args:
        asked: BEFORE or AFTER, which goes into the rows.
        rows: of a CSR data set.
        captions: drawn pictures with right captions; each has id, image and caption.
        prompts: the set of prompts.
        seed: of the run.

    Returns:
        Rows with COLUMNS.
    """
    questions = [(LABEL, row["id"], Chat([*map(unpack_image, row["images"])], row["prompt"])) for row in rows]
    questions += [
        (TRUE_CAPTION, each.id, Chat([each.image], render(prompts, "csr", caption=each.caption))) for each in captions
    ]
    completions = vlm.answer(
        [chat for *_, chat in questions],
        max_new_tokens=section.max_new_tokens,
        temperature=section.temperature,
        seeds=[row_seed(seed, f"ask about {probe}", row_id) for probe, row_id, _ in questions],
    )
    return [
        {"asked": asked, "probe": probe, "id": row_id, "completion": completion}
        for (probe, row_id, _), completion in zip(questions, completions, strict=True)
    ]
