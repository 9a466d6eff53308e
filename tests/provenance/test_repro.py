"""What `dvc repro` runs and `viper record` writes, on an experiment of rules that cost nothing."""

import pytest

from repository import clone as clone_of
from repository import lock_of

pytestmark = pytest.mark.slow


def test_a_failure_half_way_keeps_what_was_finished(reproduced):
    assert reproduced.facts["broken"].returncode != 0
    assert "evaluate_main" in reproduced.facts["broken"].stdout
    assert reproduced.facts["trained once"]
    resumed = reproduced.facts["resumed"].stdout + reproduced.facts["resumed"].stderr
    assert "rule train:" not in resumed
    assert "rule evaluate:" in resumed


def test_an_up_to_date_tree_is_left_alone(reproduced):
    assert "Data and pipelines are up to date" in reproduced.facts["again"].stdout
    assert "Running stage" not in reproduced.facts["again"].stdout


def test_recording_a_snakemake_run_gives_what_dvc_repro_gave(reproduced):
    before = lock_of(reproduced)
    (reproduced.root / "dvc.lock").unlink()
    reproduced.run("viper", "record")
    assert lock_of(reproduced) == before


def test_a_part_is_recorded_by_its_target_and_taken_over_without_the_rest(toy, tmp_path):
    before = lock_of(toy)["stages"]
    (toy.root / "dvc.lock").unlink()
    toy.run("viper", "record", "main")
    part = lock_of(toy)["stages"]
    assert part == {name: before[name] for name in ("train_main", "evaluate_main", "main")}
    toy.commit("a part")
    taken = clone_of(toy, tmp_path / "clone")
    assert "edited" not in taken.run("viper", "pull").stdout
    planned = taken.run("snakemake", "--dry-run", "--", "main")
    assert "Nothing to be done" in planned.stdout + planned.stderr
    assert "nothing to record" in taken.run("viper", "record").stdout
    toy.run("viper", "record", "all")
    assert lock_of(toy)["stages"] == before
    refused = toy.run("viper", "record", "mian", check=False)
    assert (refused.returncode, "no stage 'mian'" in refused.stderr) == (2, True)
