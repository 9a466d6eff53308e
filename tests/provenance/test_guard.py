"""Pulled files that Snakemake does not know."""

import os
from base64 import urlsafe_b64encode

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from viper import digests
from viper.errors import ViperError
from viper.listings import digest_of
from viper.provenance.guard import is_harmless, message, unrecorded
from viper.provenance.sidecar import SUFFIX
from viper.workflow.metadata import INCOMPLETE, METADATA

TABLE, MODEL = "results/toy/main/main.csv", "models/toy/base.csr"
FILES = {TABLE: "x", f"{MODEL}/manifest.json": "x", f"{MODEL}/weights": "y", "results/toy2/tables/main.csv": "x"}


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A recorded table and a recorded checkpoint folder, both there as recorded; and a table of another scale."""
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    outs = [
        {"path": path, "md5": digest_of(tmp_path / path)} for path in (TABLE, MODEL, "results/toy2/tables/main.csv")
    ]
    outs.append({"path": "results/toy/main/gone.csv", "md5": "0" * 32})
    (tmp_path / "dvc.lock").write_text(yaml.safe_dump({"stages": {"main": {"cmd": "x", "outs": outs}}}))
    return tmp_path


def write_record(tree, path, kind=METADATA):
    (tree / kind).mkdir(parents=True, exist_ok=True)
    (tree / kind / urlsafe_b64encode(path.encode()).decode()).write_text("{}")


def test_pulled_files_are_found(tree):
    assert unrecorded("toy", tree) == [TABLE, MODEL]
    assert "make pull" in message(unrecorded("toy", tree))


def test_recorded_files_and_folders_pass(tree):
    write_record(tree, TABLE)
    write_record(tree, f"{MODEL}/manifest.json")
    assert unrecorded("toy", tree) == []


def test_where_only_notes_of_removed_files_are_left_nothing_was_pulled(tree):
    note = "results/toy/needle/needle.csv" + SUFFIX
    (tree / note).parent.mkdir(parents=True)
    (tree / note).write_text("{}")
    entries = {"path": "results/toy/needle", "md5": digest_of(tree / "results/toy/needle")}
    lock = yaml.safe_load((tree / "dvc.lock").read_text())
    lock["stages"]["needle"] = {"cmd": "x", "outs": [entries]}
    (tree / "dvc.lock").write_text(yaml.safe_dump(lock))
    assert unrecorded("toy", tree) == [TABLE, MODEL]
    (tree / "results/toy/needle/needle.csv").write_text("x")
    lock["stages"]["needle"]["outs"][0]["md5"] = digest_of(tree / "results/toy/needle")
    (tree / "dvc.lock").write_text(yaml.safe_dump(lock))
    assert unrecorded("toy", tree) == [TABLE, MODEL, "results/toy/needle"]


def test_a_run_minds_the_files_of_its_own_scale(tree):
    assert unrecorded("toy2", tree) == ["results/toy2/tables/main.csv"]
    assert unrecorded("toy3", tree) == []


def test_what_a_killed_run_was_making_is_our_own(tree):
    write_record(tree, TABLE, INCOMPLETE)
    write_record(tree, f"{MODEL}/weights", INCOMPLETE)
    assert unrecorded("toy", tree) == []


def test_other_bytes_than_the_recorded_ones_did_not_come_from_the_cache(tree):
    (tree / TABLE).write_text("mine")
    (tree / MODEL / "weights").unlink()
    assert unrecorded("toy", tree) == []


def test_recorded_bytes_that_replaced_our_own_are_found(tree):
    write_record(tree, f"{MODEL}/manifest.json")
    (tree / TABLE).write_text("mine")
    digests.note(TABLE)
    write_record(tree, TABLE)
    assert unrecorded("toy", tree) == []
    (tree / TABLE).write_text("x")  # as `dvc checkout --force` does
    later = (tree / METADATA / urlsafe_b64encode(TABLE.encode()).decode()).stat().st_mtime_ns + 10**9
    os.utime(TABLE, ns=(later, later))
    assert unrecorded("toy", tree) == [TABLE]


def test_a_copy_of_the_folder_with_other_times_is_not_refused(tree):
    for name in (TABLE, f"{MODEL}/manifest.json"):
        write_record(tree, name)
        digests.note(name)
        os.utime(name, (2**32, 2**32))
    assert unrecorded("toy", tree) == []


def test_nothing_recorded_nothing_to_guard(tmp_path):
    assert unrecorded("toy", tmp_path) == []


# `kill -9` at any moment leaves each file absent, half written or whole, and a mark of each job that was at work.
@settings(max_examples=60, deadline=None)
@given(states=st.lists(st.sampled_from(["absent", "half", "whole", "recorded"]), min_size=3, max_size=3))
def test_whatever_a_kill_leaves_is_no_reason_to_refuse(tmp_path_factory, states):
    root = tmp_path_factory.mktemp("kill")
    names = ["data/toy/images/seed0/shard0.parquet", "data/toy/images/seed0/shard1.parquet", TABLE]
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("whole")
    outs = [{"path": path, "md5": digest_of(root / path)} for path in ("data/toy/images/seed0", TABLE)]
    (root / "dvc.lock").write_text(yaml.safe_dump({"stages": {"all": {"outs": outs}}}))
    for name, state in zip(names, states, strict=True):
        write_record(root, name, METADATA if state == "recorded" else INCOMPLETE)
        if state == "absent":
            (root / name).unlink()
        elif state == "half":
            (root / name).write_text("wh")
    assert unrecorded("toy", root) == []


@pytest.mark.parametrize("broken", ["{", "[]", "stages: 1", "stages: {a: {outs: [{path: /x, md5: 0a}]}}", "\0"])
def test_a_broken_lock_is_named(tmp_path, broken):
    (tmp_path / "dvc.lock").write_text(broken)
    with pytest.raises(ViperError, match=r"dvc\.lock.*git checkout HEAD"):
        unrecorded("toy", tmp_path)


@pytest.mark.parametrize(
    ("arguments", "harmless"),
    [
        (["/x/.venv/bin/snakemake", "--dry-run", "--", "all"], False),
        (["/x/snakemake/__main__.py", "--cores", "2"], False),
        (["/x/.venv/bin/snakemake", "--touch", "--forceall"], True),
        (["/x/src/viper/__main__.py", "cost", "--scale", "7b"], True),
    ],
)
def test_what_runs_nothing_may_see_them(arguments, harmless):
    assert is_harmless(arguments) is harmless
