"""DVC's own files, read with a schema; and which stages were recorded in an older run than the others."""

from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from viper.errors import ViperError
from viper.provenance import dvc_yaml, figures, guard, objects, record, regenerate, tree, verify
from viper.provenance.rebuild import Start
from viper.provenance.sidecar import SUFFIX, read_sidecar
from viper.recorded import Lock, read_dvc_file, read_lock

BROKEN = ["{", "[]", "null", "7", "a: [", "stages: [1]", "outs: 3", "<<<<<<< HEAD\na: 1\n=======\na: 2\n>>>>>>> x\n"]
BROKEN += ["\tstages: {}", "a: 2024-99-99", "&a [*a]", "stages: {a: {cmd: 1}}", "outs: [{path: x, md5: '../x'}]"]


@pytest.mark.parametrize("text", BROKEN)
@pytest.mark.parametrize("name", ["dvc.yaml", "pretrained.dvc"])
def test_broken_files_of_dvc_are_one_message(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(ViperError) as error:
        read_dvc_file(tmp_path / name) if name.endswith(".dvc") else dvc_yaml.recorded_scale_of(tmp_path)
    assert str(tmp_path / name) in str(error.value)
    assert "git checkout HEAD --" in str(error.value)
    assert "\n" not in str(error.value)


def test_conflict_marks_are_named_with_their_line(tmp_path):
    (tmp_path / "dvc.lock").write_text("stages:\n<<<<<<< HEAD\n  a: {}\n=======\n")
    with pytest.raises(ViperError, match=r"dvc\.lock, line 2: the marks of a merge's conflict"):
        read_lock(tmp_path)


@pytest.mark.parametrize("kind", ["missing", "folder", "binary"])
def test_a_dvc_file_that_is_none(tmp_path, kind):
    path = tmp_path / "pretrained.dvc"
    if kind == "folder":
        path.mkdir()
    elif kind == "binary":
        path.write_bytes(b"\xff\xfe")
    with pytest.raises(ViperError, match=r"pretrained\.dvc"):
        read_dvc_file(path)


# Whatever records nothing: an editor's or a full disk's file of no bytes, YAML of nothing, an older form of the file.
NOTHING = [b"", b"\n \n", b"# a comment\n", b"{}", b"null", b"~", b"[]", b"stages:\n", b"stages: {}", b"stages: []"]
NOTHING += [b"schema: '2.0'\n", b"schema: '2.0'\nstages: {}\n", b"stages: {a: {cmd: x}}", b"a: {cmd: x, outs: []}"]
NOTHING += [b"\0", b"\xff\xfe", b"\x89PNG\r\n", bytes(range(256)), b"--- []\n--- {}\n"]
READERS = {
    "pull": record.pull,
    "record": record.record,
    "figures": figures.redraw,
    "verify": lambda root: list(verify.verify("toy", root=root)),
    "regenerate": lambda root: regenerate.regenerate("results/toy/main/main.csv@HEAD", Start.DATA, root),
    "put-back": objects.tracked,
    "guard": lambda root: guard.unrecorded("toy", root),
}


@pytest.mark.parametrize("content", NOTHING)
@pytest.mark.parametrize("reader", READERS)
def test_a_lock_that_records_nothing_is_named_first_by_each_command(tmp_path, reader, content):
    (tmp_path / "dvc.lock").write_bytes(content)
    with pytest.raises(ViperError, match=r"dvc\.lock.*`git checkout HEAD -- dvc\.lock`") as error:
        READERS[reader](tmp_path)
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == [tmp_path / "dvc.lock"]


@pytest.mark.parametrize("content", NOTHING)
def test_a_lock_that_records_nothing_is_named_by_provenance(tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    Path("dvc.lock").write_bytes(content)
    with pytest.raises(ViperError, match=r"^dvc\.lock.*`git checkout HEAD -- dvc\.lock`"):
        tree.show(Path("results/toy/main/main.csv"))


def test_without_a_lock_nothing_is_recorded(tmp_path):
    assert read_lock(tmp_path).outs == Lock(None).outs == {}
    (tmp_path / "dvc.lock").symlink_to("nowhere")
    with pytest.raises(ViperError, match=r"dvc\.lock: missing.*git checkout"):
        read_lock(tmp_path)


@given(st.text() | st.binary())
@example("stages: {a: null}")
@example("stages: {a: {outs: null}}")
@example("!!python/object/apply:os.system ['true']")
def test_any_text_is_a_lock_or_one_message(tmp_path_factory, content):
    root = tmp_path_factory.mktemp("lock")
    path = root / "dvc.lock"
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    try:
        assert read_lock(root).outs
    except ViperError as error:
        assert str(path) in str(error)  # noqa: PT017


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "7", "{}", '{"run": 3}', '{"file": 1, "md5": 2}'])
def test_a_broken_record_beside_a_table_is_named(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    Path("main.csv").write_text("x")
    Path(f"main.csv{SUFFIX}").write_text(text)
    with pytest.raises(ViperError, match=rf"main\.csv{SUFFIX}.*make pull"):
        read_sidecar("main.csv")


def lock(**stages):
    return Lock(yaml.safe_dump({"stages": stages}))


def stage(outs, deps=(), **params):
    return {
        "deps": [{"path": path, "md5": md5} for path, md5 in deps],
        "params": {"params.yaml": params},
        "outs": [{"path": path, "md5": md5} for path, md5 in outs],
    }


def test_what_a_run_of_one_target_left_behind_is_older():
    recorded = lock(
        images=stage([("data/s", "0a")], scale={"images": {"number": 1}}),
        captions=stage([("data/c", "0b")], [("data/s", "0a")]),
        results=stage([("results/p", "0c")], **{"scale.images": {"number": 2}}),
        table=stage([("results/t", "0d")], [("results/p", "0c")]),
        other=stage([("results/o", "0e")], [("results/p", "ff")]),
    )
    assert recorded.older({"images"}) == {"images", "captions", "other"}
    assert recorded.older({"images", "train_of_a_new_experiment"}) == recorded.older({"images"})


def test_an_edit_since_the_recording_makes_nothing_older():
    recorded = lock(
        images=stage([("data/s", "0a")], number=1),
        results=stage([("results/p", "0c")], number=1),
        table=stage([("results/t", "0d")], [("results/p", "0c")]),
    )
    assert recorded.older({"images", "results"}) == frozenset()
    assert recorded.older({"images", "results", "table"}) == frozenset()
