"""The data sets: what is in them, what is not, and why."""

import csv
from collections import Counter

import pytest
from datasets import load_dataset

from scripted_loop import make_data_sets
from viper import completion
from viper.config import load
from viper.errors import ViperError
from viper.prompts import render
from viper.synthesis.assemble import Shards, assemble
from viper.synthesis.card import write_card
from viper.synthesis.rows import by_id, read_rows


def write(shards, out, *, csr=7, vop=3, held_out=0, allow_fewer=False, seed=3):
    sizes = {"csr_size": csr, "vop_size": vop, "vop_held_out": held_out, "allow_fewer": allow_fewer}
    section = load("smoke").synthesis.model_copy(update={"vop_share": 1.0, **sizes})
    data_sets = make_data_sets(out)
    assemble(shards, data_sets, section, lineage="base", seed=seed)
    write_card(data_sets, out / "README.md", lineage="base", seed=seed)
    with data_sets.dropped.open() as file:
        account = {(row["dataset"], row["reason"]): int(row["rows"]) for row in csv.DictReader(file)}
    return read_rows(data_sets.csr), read_rows(data_sets.vop), account


def test_rows_hold_what_the_steps_made(run_loop, tmp_path):
    shards, tables = run_loop()
    csr, vop, account = write(shards, tmp_path / "out")
    images, captions, edits = (by_id(tables[step]) for step in ("images", "captions", "edits"))
    refinements, operations = by_id(tables["critiques"]), by_id(tables["operations"])
    named = by_id(tables["refinements"])
    assert (len(csr), len(vop)) == (7, 3)
    assert all(row["reasoning"] for row in csr)
    for row in csr:
        assert row["images"] == [images[row["id"]]["image"]], "not encoded again"
        assert row["prompt"] == render("micro", "csr", caption=captions[row["id"]]["caption"])
        assert row["caption"] == captions[row["id"]]["caption"]
        assert row["ground_truth"] == refinements[row["id"]]["refinements"]
        assert row["reasoning"] == completion.reasoning(refinements[row["id"]]["completion"])
        assert (row["lineage"], row["prompt_name"], row["seed"]) == ("base", "micro/csr", 3)
    for row in vop:
        assert row["images"] == [images[row["id"]]["image"], edits[row["id"]]["image"]]
        assert row["ground_truth"] == operations[row["id"]]["statements"]
        assert row["reasoning"] == completion.reasoning(named[row["id"]]["entities_completion"])
        assert row["prompt"] == render("micro", "vop")
    assert account == {
        ("csr", "used"): 7,
        ("csr", "usable, not needed"): 5,
        ("vop", "used"): 3,
        ("vop", "usable, not needed"): 9,
    }


def test_held_out_pairs_show_images_that_no_data_set_has(run_loop, seed_rows, tmp_path):
    # Three images come twice under other names: whichever is held out, its twin must not be trained on.
    twins = [{**row, "id": f"{row['id']}-twin"} for row in seed_rows[:3]]
    shards, _ = run_loop(seeds=[*seed_rows, *twins])
    for seed in range(5):
        out = tmp_path / str(seed)
        csr, vop, account = write(shards, out, csr=6, vop=3, held_out=4, seed=seed)
        test = read_rows(out / "vop" / "test.parquet")
        assert (len(csr), len(vop), len(test)) == (6, 3, 4)
        trained = {row["images"][0]["path"] for row in [*csr, *vop]}
        assert not trained & {row["images"][0]["path"] for row in test}
        assert account["csr", "held out"] == 4  # a twin counts as a duplicate there; for VOP it has an edit of its own
        assert len(load_dataset(str(out), "vop", split="test", cache_dir=str(tmp_path / "cache"))) == 4


def test_too_few_pairs_to_hold_out_stop_with_the_remedy(run_loop, tmp_path):
    shards, _ = run_loop()
    with pytest.raises(ViperError, match=r"12 VOP pairs, synthesis\.vop_held_out 13"):
        write(shards, tmp_path / "out", held_out=13)
    assert not (tmp_path / "out").exists()


def test_datasets_loads_the_folder_by_its_card(run_loop, tmp_path):
    shards, _ = run_loop()
    write(shards, tmp_path / "out")
    for name, images in (("csr", 1), ("vop", 2)):
        data = load_dataset(str(tmp_path / "out"), name, split="train", cache_dir=str(tmp_path / "cache"))
        assert len(data[0]["images"]) == images
        assert data[0]["images"][0].size == (64, 64)


def test_dropped_rows_are_counted_by_reason(run_loop, fakes, album, seed_rows, tmp_path):
    class Moody(fakes.VLM):
        """Breaks every third caption's format, and every third critique says that nothing needs to change."""

        def answer(self, chats, **kwargs):
            answers = super().answer(chats, **kwargs)
            if chats[0].text == render("micro", "caption"):
                return ["no tags" if i % 3 == 0 else text for i, text in enumerate(answers)]
            if chats[0].text.startswith("The first picture"):
                return [
                    fakes.completion("Nothing needs to change.") if i % 3 == 0 else t for i, t in enumerate(answers)
                ]
            return answers

    shards, tables = run_loop(vlm=Moody(album))
    _, _, account = write(shards, tmp_path / "out", csr=2, vop=2)
    expected = Counter(row["failure"] for row in tables["captions"])["broken format"]
    assert account["csr", "captions: broken format"] == account["vop", "captions: broken format"] == expected == 4
    assert account["csr", "critiques: nothing to change"] == 4
    for name in ("csr", "vop"):
        assert sum(number for (dataset, _), number in account.items() if dataset == name) == len(seed_rows)


def test_images_not_drawn_for_vop_are_accounted_for(run_loop, options, monkeypatch, tmp_path):
    for module in ("steps", "tables"):
        monkeypatch.setattr(f"viper.synthesis.{module}.drawn_for_vop", lambda row_id, share, seed: row_id < "image-06")
    shards, _ = run_loop()
    _, vop, account = write(shards, tmp_path / "out", csr=7, vop=3)
    assert account["vop", "refinements: not drawn (vop_share)"] == 6
    assert {row["id"] for row in vop} < {f"image-{index:02d}" for index in range(6)}
    with pytest.raises(ViperError, match=r"or raise synthesis\.vop_share"):
        write(shards, tmp_path / "more", csr=7, vop=10)


def test_duplicates_are_dropped(run_loop, seed_rows, tmp_path):
    twins = [{**row, "id": f"{row['id']}-twin"} for row in seed_rows[:2]]
    shards, _ = run_loop(seeds=[*seed_rows, *twins])
    csr, _, account = write(shards, tmp_path / "out", csr=12, vop=3)
    assert len({row["images"][0]["path"] for row in csr}) == 12
    assert account["csr", "duplicate"] == 2


def test_too_few_rows_stop_with_the_remedy(run_loop, tmp_path):
    shards, _ = run_loop()
    with pytest.raises(ViperError) as error:
        write(shards, tmp_path / "out", csr=70, vop=3)
    assert "CSR: 12 usable rows of 12 seed images, 70 wanted" in str(error.value)
    assert "raise images.number (to about 78)" in str(error.value)
    assert "synthesis.allow_fewer: true" in str(error.value)
    assert not (tmp_path / "out").exists()


def test_allow_fewer_keeps_the_proportion(run_loop, tmp_path):
    shards, _ = run_loop()
    csr, vop, _ = write(shards, tmp_path / "out", csr=70, vop=30, allow_fewer=True)
    assert (len(csr), len(vop)) == (12, 5)


def test_no_usable_row_stops_even_then(run_loop, fakes, album, tmp_path):
    shards, _ = run_loop(vlm=fakes.VLM(album, broken="caption"))
    with pytest.raises(ViperError, match=r"12 captions: broken format"):
        write(shards, tmp_path / "out", allow_fewer=True)


def test_the_seed_chooses_and_equal_seeds_give_equal_bytes(run_loop, tmp_path):
    shards, _ = run_loop()
    chosen = [{row["id"] for row in write(shards, tmp_path / str(seed), csr=4, seed=seed)[0]} for seed in (1, 2, 3)]
    assert len({frozenset(ids) for ids in chosen}) > 1
    write(shards, tmp_path / "again", csr=4, seed=1)
    for name in ("csr/train.parquet", "vop/train.parquet", "dropped.csv", "README.md"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_steps_with_other_numbers_of_shards_are_refused(run_loop):
    shards, _ = run_loop()
    tables = {step: list(paths) for step, paths in shards.tables.items()}
    assert Shards(tables).count == 2
    with pytest.raises(ViperError, match=r"different numbers of shards: .*2 of images.*1 of edits.*name every shard"):
        Shards(tables | {"edits": tables["edits"][:1]})
    with pytest.raises(ViperError, match=r"0 of captions"):
        Shards(tables | {"captions": []})


def test_the_data_sets_need_no_reconstructions(run_loop, tmp_path):
    shards, _ = run_loop()
    expected = write(shards, tmp_path / "all")
    fewer = Shards({step: paths for step, paths in shards.tables.items() if step != "reconstructions"})
    for path in shards.tables["reconstructions"]:
        path.unlink()
    assert write(fewer, tmp_path / "fewer") == expected
