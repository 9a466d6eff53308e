"""The recorded code's worktree has what git does not track from the folder that it is lent."""

import itertools

import pytest

from repository import ROOT
from viper.layout import DATA, MODELS, RESULTS, WORK
from viper.provenance.worktree import TRACKED_IN_PART, lend
from viper.tools import listed
from viper.workflow.graph import from_json


def test_what_git_tracks_beside_what_rules_make_is_known():
    if not (ROOT / ".git").exists():
        pytest.skip("no clone: git does not say what is tracked")
    tracked = {name.split("/")[0] for name in listed("ls-files", root=ROOT) if "/" in name}
    assert {DATA, MODELS, RESULTS, WORK, "logs", "benchmarks"} & tracked == set(TRACKED_IN_PART)


def test_made_files_are_lent_and_tracked_code_stays_its_own(tmp_path):
    root, place = tmp_path / "root", tmp_path / "place"
    for folder in (*TRACKED_IN_PART, "src"):
        for base in (root, place):
            (base / folder).mkdir(parents=True)
            (base / folder / "tracked").write_text(base.name)
        (root / folder / "made").write_text("root")
    (root / "data").mkdir()
    lend(root, place)
    assert all((place / folder / "made").read_text() == "root" for folder in TRACKED_IN_PART)
    assert (place / "data").resolve() == root / "data"
    assert (place / "src/tracked").read_text() == "place"
    assert not (place / "src/made").exists()


def test_what_the_folder_has_not_stays_as_the_commit_has_it(tmp_path):
    root, place = tmp_path / "root", tmp_path / "place"
    root.mkdir()
    (place / RESULTS).mkdir(parents=True)
    lend(root, place)
    assert (place / RESULTS).is_dir()


@pytest.mark.slow
def test_where_code_was_edited_without_effect_nothing_is_to_do_after_a_pull(toy_clone):
    """Snakemake takes a large input that is younger than its output for new, and files come in any order."""
    source = toy_clone.root / "src/viper/analysis/tables.py"
    source.write_text(source.read_text() + "\n# a comment\n")
    toy_clone.commit("an edit")
    assert "src/viper/analysis modified" in toy_clone.run("viper", "pull").stdout
    assert toy_clone.plan() == set()
    graph = from_json(toy_clone.run("viper", "graph", "all", "--scale", "smoke").stdout)
    young = [
        (given, made)
        for job in graph.jobs
        for given, made in itertools.product(job.inputs, job.outputs)
        if made.startswith(RESULTS) and (toy_clone.root / given).is_file() and (toy_clone.root / made).is_file()
        if (toy_clone.root / given).stat().st_mtime_ns > (toy_clone.root / made).stat().st_mtime_ns
    ]
    assert not young
