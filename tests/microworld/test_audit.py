"""The audit tells whose mistake was whose, on cases with known answers."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from microworld import audit, grammar, parse
from microworld.findings import shares
from microworld.operations import apply_operation
from microworld.parse import parse_operation
from microworld.scene import Object, make_scene, to_json
from scripted_loop import FakeEditor, FakePainter, FakeVLM, make_seed_rows, write_tables
from viper.errors import ViperError
from viper.layout import Layout
from viper.synthesis.assemble import Shards
from viper.synthesis.loop import run_loop as run_loop_alone
from viper.synthesis.rows import unpack_image
from viper.synthesis.schemas import SCHEMAS

CIRCLE, STAR = Object("circle", "red", "large", 0, 1, -1), Object("star", "blue", "small", 8)
REAL = make_scene([CIRCLE, STAR], "dark", "plain")
WRONG_COLOR = make_scene([replace(CIRCLE, color="green"), STAR], "dark", "plain")
CORRECTION = "The object at the top left is a large red circle instead of a large green circle."


@pytest.mark.parametrize(
    ("sentence", "said", "painted", "verdict"),
    [
        (CORRECTION, WRONG_COLOR, WRONG_COLOR, audit.CAPTION),
        (CORRECTION.replace("large red", "small red"), WRONG_COLOR, WRONG_COLOR, audit.MISTOLD),
        (CORRECTION, REAL, WRONG_COLOR, audit.PAINTER),
        (CORRECTION, REAL, REAL, audit.NOBODY),
        ("The background is light and plain instead of dark and plain.", REAL, REAL, audit.NOBODY),
        ("The circle is somehow different.", REAL, REAL, audit.UNREADABLE),
    ],
)
def test_judge_refinement(sentence, said, painted, verdict):
    pair = audit.Pair("image", REAL, said, said, painted)
    assert audit.judge_refinement(sentence, pair) == verdict


@pytest.mark.parametrize(
    ("meant", "painted", "verdict"),
    [
        (REAL, REAL, audit.CAPTION),
        (REAL, make_scene([replace(CIRCLE, color="blue"), STAR], "dark", "plain"), audit.PAINTER),
        (REAL, WRONG_COLOR, audit.PAINTER),
        (make_scene([STAR], "dark", "plain"), WRONG_COLOR, audit.NOBODY),
    ],
)
def test_by_construction_what_was_meant_and_not_painted_is_the_painters(meant, painted, verdict):
    critique = {"caption": grammar.caption(WRONG_COLOR), "picture": "reconstruction"}
    meant, painted = (parse.described_scene(grammar.caption(scene)) for scene in (meant, painted))
    pair = audit.criticized(critique, REAL, meant, painted)
    assert pair.real == painted
    assert audit.judge_refinement(CORRECTION, pair) == verdict
    assert audit.criticized({**critique, "caption": ""}, REAL, meant, painted) is None


@pytest.mark.parametrize(
    ("statement", "premise"),
    [
        ("The color of the large circle at the top left was changed from red to blue.", True),
        ("The color of the large circle at the top left was changed from green to blue.", False),
        ("A small blue star was moved from the bottom right to the middle center.", True),
        ("A small blue star was moved from the bottom right to the top left.", False),
        ("A small red ring was added at the middle left.", True),
        ("A small red ring was added at the top left.", False),
        ("A large red circle was removed from the top left.", True),
    ],
)
def test_premise_and_result(statement, premise):
    operation = parse_operation(statement)
    assert audit.premise_holds(operation, REAL) == premise
    assert not audit.edit_done(operation, REAL)
    if premise:
        there = operation.before and REAL.at(operation.before.cell)
        # Sentences know no jitter: apply them to the same scene without it.
        still = make_scene([replace(thing, dx=0, dy=0) for thing in REAL.objects], REAL.shade, REAL.texture)
        full = operation
        if there and operation.after and operation.after.cell == there.cell:
            full = replace(operation, before=replace(there, dx=0, dy=0), after=replace(operation.after))
        assert audit.edit_done(operation, apply_operation(still, full))


class PerfectChecker:
    def __init__(self, album):
        self.album = album

    def read(self, images):
        scenes = [self.album.look(image) for image in images]
        return [
            make_scene([replace(thing, dx=0, dy=0) for thing in scene.objects], scene.shade, scene.texture)
            for scene in scenes
        ]


def test_a_loop_of_known_quality(run_loop, album, seed_rows, tmp_path):
    shards, _tables = run_loop()
    truth = [tmp_path / f"truth{shard}.jsonl" for shard in range(2)]
    for shard, path in enumerate(truth):
        write_truth(path, album, seed_rows[shard::2])
    table = audit.audit(shards, truth, PerfectChecker(album)).set_index(["step", "measure"])
    objects = sum(len(album.scenes[_pixels(row)].objects) for row in seed_rows)
    assert table.loc[("caption", "object is there"), "n"] == objects
    assert table.loc[("caption", "object is there"), "share"] == pytest.approx(1 - 12 / objects, abs=1e-4)
    assert table.loc[("caption", "shade"), "share"] == table.loc[("caption", "nothing invented"), "share"] == 1
    assert table.loc[("painter", "all facts"), "share"] == 1
    assert table.loc[("refinements", audit.CAPTION), "share"] == 1
    assert table.loc[("refinements", "needed and found"), "share"] == 1
    assert table.loc[("edits", "done"), "share"] == 1
    assert table.loc[("edits", "other cells kept"), "share"] == 1
    assert table.loc[("operations", "starts from what is there"), "share"] == 1
    assert (table["low"] <= table["share"]).all()
    assert (table["share"] <= table["high"]).all()


def test_what_is_overlooked_where_nothing_is_said_is_in_no_label():
    said = make_scene([replace(CIRCLE, color="green")], "light", "plain")
    needed = grammar.refinements(REAL, said)
    assert len(needed) == 3
    pair = audit.Pair("image", REAL, said, said, REAL)
    told = list(audit._audit_refinements([needed[0]], pair))
    silent = list(audit._audit_refinements([], pair))

    def shares_of(findings):
        table = shares(findings).set_index("measure")["share"]
        return table.filter(like="needed").to_dict()

    part = pytest.approx(1 / len(needed), abs=1e-4)
    assert shares_of(told) == {"needed and found": part, "needed and found in labels": part}
    assert shares_of(silent) == {"needed and found": 0}
    both = shares_of(told + silent)
    assert both["needed and found"] == pytest.approx(1 / len(needed) / 2, abs=1e-4)
    assert both["needed and found in labels"] == part


def test_several_syntheses_are_measured_one_by_one(album, options, tmp_path, monkeypatch):
    """Those of two lineages and three seeds: rows are the same as if each was measured alone."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(audit.Checker, "from_pretrained", lambda folder: PerfectChecker(album))
    layout, tables, truth, expected = Layout("toy"), [], [], {}
    for seed, broken in ((7, ""), (0, "critique"), (1, "refine")):
        rows = make_seed_rows(album, np.random.default_rng(seed), 6)
        scenes = [Path(layout.truth(seed=seed, shard=shard)) for shard in range(2)]
        for shard, path in enumerate(scenes):
            write_truth(path, album, rows[shard::2])
        for lineage in ("base", "base.csr.vop"):
            models = FakeVLM(album, broken if lineage == "base" else ""), FakePainter(album), FakeEditor(album)
            shards = Shards(
                {
                    step: [Path(layout.synthesis(step, lineage=lineage, seed=seed, shard=shard)) for shard in range(2)]
                    for step in SCHEMAS
                    if step != "images"
                }
            )
            for shard in range(2):
                made = run_loop_alone(rows[shard::2], *models, options, lineage=lineage, seed=seed)
                del made["images"]
                write_tables(shards, shard, made)
            expected[lineage, seed] = audit.audit(shards, scenes, PerfectChecker(album))
            tables += [(lineage, path) for paths in shards.tables.values() for path in paths]
        truth += scenes
    assert not expected["base", 0].equals(expected["base", 1])
    assert not expected["base", 0].equals(expected["base.csr.vop", 0])

    found = audit.audit_all(tables, truth, checker=tmp_path)
    assert list(found)[:2] == ["lineage", "seed"]
    by_run = dict(iter(found.groupby(["lineage", "seed"], sort=False)))
    assert list(by_run) == sorted(expected, key=lambda run: run[1])
    for run, part in by_run.items():
        alone = part.drop(columns=["lineage", "seed"])
        pd.testing.assert_frame_equal(alone.reset_index(drop=True), expected[run].reset_index(drop=True))

    # Tables that another lineage made belong to whose data they led to.
    borrowed = [("base~mine", path) for lineage, path in tables if lineage == "base"]
    again = audit.audit_all([*tables, *borrowed], truth, checker=tmp_path)
    by_lineage = {name: part.drop(columns="lineage").reset_index(drop=True) for name, part in again.groupby("lineage")}
    pd.testing.assert_frame_equal(by_lineage["base~mine"], by_lineage["base"])

    with pytest.raises(ViperError, match=r"0 files of truth for 2 shards"):
        audit.audit_all(tables, truth[2:], checker=tmp_path)
    with pytest.raises(ViperError, match=r"different numbers of shards"):
        audit.audit_all(tables[1:], truth, checker=tmp_path)
    with pytest.raises(ViperError, match=r"^x\.parquet: .*name files of data/SCALE/ as the rules write them"):
        audit.audit_all([*tables, ("base", Path("x.parquet"))], truth, checker=tmp_path)


def test_photographs_have_no_truth(run_loop, album, tmp_path):
    shards, _ = run_loop()
    with pytest.raises(ViperError, match=r"images\.source: world"):
        audit.audit(shards, [tmp_path / f"truth{shard}.jsonl" for shard in range(2)], PerfectChecker(album))


def write_truth(path, album, rows):
    """Write the scenes of some seed images."""
    lines = [f'{{"id": "{row["id"]}", "scene": {to_json(album.scenes[_pixels(row)])}}}\n' for row in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(lines))


def _pixels(row):
    return unpack_image(row["image"]).tobytes()
