"""The steps of the loop (`loop.py`), each a function from tables of rows to a table of rows.

A table has one row for each row that can still be used; a row that cannot be used further says why in its column
`failure` ('' otherwise), which `assemble.py` counts. Every row carries the lineage of the VLM, the name of the
prompt (or heuristic, or model) that made it, and the run's seed.
"""

import numpy as np
from PIL import Image

from viper.config.synthesis import Synthesis
from viper.models.base import VLM, Chat, Editor, Painter, is_flat
from viper.prompts import render
from viper.synthesis.answers import Answer, ask, failure_of
from viper.synthesis.effects import Effect, effect_of
from viper.synthesis.effects import failure_of as failure_of_edit
from viper.synthesis.heuristics import Agreement, get_language, plan_changes, plan_on_newcomer
from viper.synthesis.refinements import NOTHING, agreed, read_refinements
from viper.synthesis.rows import Row, by_id, drawn_for_vop, pack_image, picture_size, row_seed, unpack_image

FLAT = "flat reconstruction"
WORDY = "more texts than are held to a painter"


def caption(images: list[Row], vlm: VLM, options: Synthesis, *, lineage: str, seed: int) -> list[Row]:
    """The VLM describes each seed image. Failure: an answer that cannot be read."""
    pictures = {row["id"]: unpack_image(row["image"]) for row in images}
    answers = _describe(images, pictures, vlm, options, seed=seed, step="caption")
    return [
        {
            "id": row["id"],
            "caption": answer.text,
            "completion": answer.completion,
            **_made_by(failure_of(answer, options.answers), lineage, f"{options.prompts}/caption{answer.asking}", seed),
        }
        for row, answer in zip(images, answers, strict=True)
    ]


def reconstruct(images: list[Row], captions: list[Row], painter: Painter, *, lineage: str, seed: int) -> list[Row]:
    """The painter draws each caption, without having seen the image: it is told its shape, and no more."""
    originals, usable = by_id(images), _usable(captions)
    noise = _row_seeds(seed, "reconstruct", usable)
    shapes = [picture_size(originals[row["id"]]["image"]) for row in usable]
    painted = painter.paint([row["caption"] for row in usable], seeds=noise, shapes=shapes) if usable else []
    return [
        {"id": row["id"], "image": pack_image(image), **_made_by("", lineage, "painter", seed)}
        for row, image in zip(usable, painted, strict=True)
    ]


def critique(
    images: list[Row],
    captions: list[Row],
    reconstructions: list[Row],
    vlm: VLM,
    options: Synthesis,
    *,
    lineage: str,
    seed: int,
) -> list[Row]:
    """What has to change in a caption. Of the seed image (`critique.picture`): the VLM compares image, reconstruction
    and caption, and lists refinements; asked several times, what enough of its answers have. The completion is that of
    the answer with most of them. Of the reconstruction: see `_hold_captions_together`.

    Failures: the reconstruction has one flat color (then nobody is asked); no answer can be read; nothing to change;
    captions that cannot be compared.
    """
    if options.critique.picture == "reconstruction":
        return _hold_captions_together(images, captions, reconstructions, vlm, options, lineage=lineage, seed=seed)
    originals = by_id(images)
    usable, asked, redrawn = _painted(captions, reconstructions)
    chats = [
        Chat(
            [unpack_image(originals[row["id"]]["image"]), redrawn[row["id"]]],
            render(options.prompts, "critique", caption=row["caption"]),
        )
        for row in asked
    ]
    language, section = get_language(options.operations.language), options.critique
    names = ["critique", *(f"critique {number}" for number in range(1, section.answers))]
    said = [ask(vlm, chats, section, options.answers, seed=seed, step=name, rows=asked) for name in names]
    answers_of = {row["id"]: each for row, *each in zip(asked, *said, strict=True)}
    rows = []
    for row in usable:
        best, refinements, failure = Answer("", ""), [], FLAT
        if answers := answers_of.get(row["id"]):
            found = [read_refinements(answer.text) for answer in answers]
            refinements = agreed(found, language.key, section.least)
            kept = set(map(language.key, refinements))
            shares = [len(kept & set(map(language.key, each))) for each in found]
            best = answers[shares.index(max(shares))]
            readable = next((answer for answer in answers if answer.text), best)
            failure = failure_of(readable, options.answers) or ("" if refinements else NOTHING)
        rows.append(
            {
                "id": row["id"],
                "picture": "image",
                "caption": row["caption"],
                "refinements": refinements,
                "completion": best.completion,
                **_made_by(failure, lineage, f"{options.prompts}/critique{best.asking}", seed),
            }
        )
    return rows


def _hold_captions_together(
    images: list[Row],
    captions: list[Row],
    reconstructions: list[Row],
    vlm: VLM,
    options: Synthesis,
    *,
    lineage: str,
    seed: int,
) -> list[Row]:
    """The VLM describes each seed image a second time; of the picture that was painted after the first caption, all
    that the second says otherwise is wrong. Where the VLM is unsure of an image, its captions differ: that is what is
    to be learnt, and no eye is needed for the labels, only a painter that paints what it is told.
    """
    originals, language = by_id(images), get_language(options.operations.language)
    usable, painted, _ = _painted(captions, reconstructions)
    most = options.critique.max_texts
    asked = [row for row in painted if most is None or len(language.texts(row["caption"])) <= most]
    lost = dict.fromkeys((row["id"] for row in painted), WORDY)
    pictures = {row["id"]: unpack_image(originals[row["id"]]["image"]) for row in asked}
    answers = _describe(asked, pictures, vlm, options, seed=seed, step="second caption")
    second = {row["id"]: answer for row, answer in zip(asked, answers, strict=True)}
    rows = []
    for row in usable:
        answer, differences = second.get(row["id"], Answer("", "")), []
        failure = lost.get(row["id"], FLAT)
        if answer.text:
            wording = np.random.default_rng(row_seed(seed, "differences", row["id"]))
            differences = language.differences(row["caption"], answer.text, wording)
            failure = "" if differences else "captions that cannot be compared" if differences is None else NOTHING
        elif row["id"] in second:
            failure = failure_of(answer, options.answers)
        rows.append(
            {
                "id": row["id"],
                "picture": "reconstruction",
                "caption": answer.text,
                "refinements": differences or [],
                "completion": answer.completion,
                **_made_by(failure, lineage, f"{options.prompts}/caption{answer.asking}", seed),
            }
        )
    return rows


def refine(
    images: list[Row],
    captions: list[Row],
    critiques: list[Row],
    vlm: VLM,
    options: Synthesis,
    *,
    lineage: str,
    seed: int,
) -> list[Row]:
    """The VLM works its refinements of the seed image's caption into it, then names the hard entities of the result.

    Only the share of the images that is drawn for VOP (by name and seed) goes on; the others have no row. A caption
    without refinements is its own refined caption: what CSR cannot use may still serve VOP. Where `opinions` are
    wanted, the picture is also described anew, so many times.
    Failures: refined caption or entities that cannot be read.
    """
    originals = by_id(images)
    found = {row["id"]: row["refinements"] if row["picture"] == "image" else [] for row in critiques}
    usable = [row for row in _usable(captions) if drawn_for_vop(row["id"], options.vop_share, seed)]
    pictures = {row["id"]: unpack_image(originals[row["id"]]["image"]) for row in usable}
    to_refine = [row for row in usable if found[row["id"]]]
    chats = [
        Chat(
            [pictures[row["id"]]],
            render(
                options.prompts,
                "refine",
                caption=row["caption"],
                refinements=" ".join(found[row["id"]]),
            ),
        )
        for row in to_refine
    ]
    answers = ask(vlm, chats, options.refine, options.answers, seed=seed, step="refine", rows=to_refine)
    written = {row["id"]: Answer("", row["caption"]) for row in usable}
    written |= {row["id"]: answer for row, answer in zip(to_refine, answers, strict=True)}
    refined = {row_id: answer.text for row_id, answer in written.items()}
    to_name = [row for row in usable if refined[row["id"]]]
    chats = [
        Chat([pictures[row["id"]]], render(options.prompts, "entities", caption=refined[row["id"]])) for row in to_name
    ]
    answers = ask(vlm, chats, options.entities, options.answers, seed=seed, step="entities", rows=to_name)
    named = {row["id"]: answer for row, answer in zip(to_name, answers, strict=True)}
    opinions = _opinions(usable, pictures, vlm, options, seed=seed) if options.opinions.captions else {}
    rows = []
    for row in usable:
        writing, naming = written[row["id"]], named.get(row["id"], Answer("", ""))
        lost, what = (naming, "entities") if writing.text else (writing, "refined caption")
        failure = failure_of(lost, options.answers)
        rows.append(
            {
                "id": row["id"],
                "refined_caption": writing.text,
                "entities": naming.text,
                "completion": writing.completion,
                "entities_completion": naming.completion,
                "opinions": opinions.get(row["id"], []),
                **_made_by(
                    failure and f"{failure} of {what}",
                    lineage,
                    f"{options.prompts}/refine{writing.asking}, {options.prompts}/entities{naming.asking}",
                    seed,
                ),
            }
        )
    return rows


def operate(refinements: list[Row], options: Synthesis, *, lineage: str, seed: int) -> list[Row]:
    """Heuristics turn hard entities into operations.

    Failures: no entities; no entity that the captions agree on; no operation fits; nothing can be added.
    """
    section, least = options.operations, options.opinions.least
    language = get_language(section.language)
    rows = []
    for row in _usable(refinements):
        known = {
            "caption": row["refined_caption"],
            "answer": row["entities"],
            "seed": row_seed(seed, "operate", row["id"]),
            "agreement": Agreement(tuple(row["opinions"]), least),
        }
        addition = None
        if section.premise == "added":
            addition, changes, failure = plan_on_newcomer(language, section, **known)
        else:
            changes, failure = plan_changes(language, section, **known)
        rows.append(
            {
                "id": row["id"],
                "preparation": addition.instruction if addition else "",
                "types": [change.type for change in changes],
                "statements": [change.statement for change in changes],
                "instructions": [change.instruction for change in changes],
                **_made_by(failure, lineage, f"heuristics/{section.language}", seed),
            }
        )
    return rows


def edit(
    images: list[Row], operations: list[Row], editor: Editor, options: Synthesis, *, lineage: str, seed: int
) -> list[Row]:
    """The editor carries out the operations of each picture, on what it has prepared where that is wanted.

    Failures: an edit changed nothing visible (`min_change`), or most of the picture (`max_spread`); the picture is no
    longer the same (`max_change`).
    """
    section = options.edit
    originals, usable = by_id(images), _usable(operations)
    before = {row["id"]: unpack_image(originals[row["id"]]["image"]) for row in usable}
    prepared = {row["id"]: row["preparation"] for row in usable if row["preparation"]}
    noise = [row_seed(seed, "edit preparation", row_id) for row_id in prepared]
    empty = [before[row_id] for row_id in prepared]
    started = editor.edit(empty, list(prepared.values()), seeds=noise) if prepared else []
    least = dict[str, Effect]()
    for row_id, image in zip(prepared, started, strict=True):
        least[row_id] = effect_of(before[row_id], image, section)
        before[row_id] = image
    after = dict(before)
    todo = {row["id"]: row["instructions"] if section.one_by_one else [" ".join(row["instructions"])] for row in usable}
    for turn in range(max((len(orders) for orders in todo.values()), default=0)):
        ids = [row_id for row_id, orders in todo.items() if turn < len(orders)]
        noise = [row_seed(seed, f"edit {turn}", row_id) for row_id in ids]
        edited = editor.edit([after[row_id] for row_id in ids], [todo[row_id][turn] for row_id in ids], seeds=noise)
        for row_id, image in zip(ids, edited, strict=True):
            # One edit without effect makes its statement false, whatever the others did: the least one counts.
            effect = effect_of(after[row_id], image, section)
            least[row_id] = min(least.get(row_id, effect), effect, key=lambda each: each.local)
            after[row_id] = image
    rows = []
    for row in usable:
        row_id = row["id"]
        whole = effect_of(before[row_id], after[row_id], section)
        failure = failure_of_edit(least[row_id], whole, section)
        rows.append(
            {
                "id": row_id,
                "prepared": [pack_image(before[row_id])] if row_id in prepared else [],
                "image": pack_image(after[row_id]),
                "least_change": least[row_id].local,
                "mean_change": whole.overall,
                **_made_by(failure, lineage, "editor", seed),
            }
        )
    return rows


def _describe(
    rows: list[Row], pictures: dict[str, Image.Image], vlm: VLM, options: Synthesis, *, seed: int, step: str
) -> list[Answer]:
    """What the VLM answers when asked for a caption of each row's picture, with the random numbers of `step`."""
    text = render(options.prompts, "caption")
    chats = [Chat([pictures[row["id"]]], text) for row in rows]
    return ask(vlm, chats, options.caption, options.answers, seed=seed, step=step, rows=rows)


def _painted(captions: list[Row], reconstructions: list[Row]) -> tuple[list[Row], list[Row], dict[str, Image.Image]]:
    """Usable captions, those of them whose painting did not fail (is not flat), and the paintings by id."""
    usable, redrawn = _usable(captions), {row["id"]: unpack_image(row["image"]) for row in reconstructions}
    return usable, [row for row in usable if not is_flat(redrawn[row["id"]])], redrawn


def _opinions(
    rows: list[Row], pictures: dict[str, Image.Image], vlm: VLM, options: Synthesis, *, seed: int
) -> dict[str, list[str]]:
    """What the VLM says of each picture when asked for further captions; one that cannot be read is a blank one."""
    said = [
        _describe(rows, pictures, vlm, options, seed=seed, step=f"opinion {number}")
        for number in range(options.opinions.captions)
    ]
    return {row["id"]: [answer.text for answer in each] for row, *each in zip(rows, *said, strict=True)}


def _row_seeds(seed: int, step: str, rows: list[Row]) -> list[int]:
    """The seed of each row's random numbers, which any row that was written can tell: from its id, step and seed."""
    return [row_seed(seed, step, row["id"]) for row in rows]


def _usable(rows: list[Row]) -> list[Row]:
    return [row for row in rows if not row["failure"]]


def _made_by(failure: str, lineage: str, prompt_name: str, seed: int) -> Row:
    return {"failure": failure, "lineage": lineage, "prompt_name": prompt_name, "seed": seed}
