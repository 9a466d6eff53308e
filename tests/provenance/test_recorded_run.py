"""One small experiment through both graphs: run, recorded, cloned, pulled, regenerated, verified."""

import hashlib
import json
import os
import shutil
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from repository import lock_of
from viper.listings import place_of
from viper.provenance.objects import STORE
from viper.provenance.sidecar import SUFFIX, has_sidecar
from viper.workflow.graph import from_json

pytestmark = pytest.mark.slow

FIGURE, TABLE = "results/smoke/main/main.png", "results/smoke/main/main.csv"
# Nothing that runs code when it is loaded.
HARMLESS = {".safetensors", ".parquet", ".json", ".jsonl", ".csv", ".tsv", ".md", ".png", ".svg", ".rst", ".html"}
HARMLESS |= {".jinja", ".txt"}  # chat templates and vocabularies of checkpoints


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


# --- recording


def test_an_up_to_date_tree_is_left_alone_by_dvc(recorded):
    said = recorded.run("dvc", "repro").stdout
    assert "Data and pipelines are up to date" in said
    assert "Running stage" not in said


def test_recording_refuses_what_is_out_of_date_or_missing(recorded):
    recorded.set("analysis.resamples", 210)
    refused = recorded.run("viper", "record", check=False)
    recorded.run("git", "checkout", "--quiet", "scales")
    assert refused.returncode == 2
    assert "Snakemake would run" in refused.stderr
    assert "tables" in refused.stderr
    part = recorded.root / "results/smoke/metrics/base.csr/seed0/rollouts.jsonl"
    part.rename(recorded.root / "away.part")
    kept = recorded.run("viper", "record", check=False)
    (recorded.root / "away.part").rename(part)
    assert kept.returncode == 0  # what else is there is as recorded, and of what is missing the record stays
    assert recorded.run("git", "status", "--porcelain").stdout == ""


def test_only_what_is_harmless_to_load_is_stored(recorded):
    outs = [
        recorded.root / out["path"] for stage in lock_of(recorded)["stages"].values() for out in stage.get("outs", [])
    ]
    files = [file for out in outs for file in ([out] if out.is_file() else out.rglob("*")) if file.is_file()]
    assert len(files) > 30
    assert {file.suffix for file in files} <= HARMLESS


# --- records beside tables and figures


def test_every_table_and_figure_names_the_inputs_that_its_rule_declares(recorded):
    graph = from_json(recorded.run("viper", "graph", "all", "--scale", "smoke").stdout)
    checked = 0
    for job in graph.jobs:
        for path in filter(has_sidecar, job.outputs):
            record = json.loads((recorded.root / f"{path}{SUFFIX}").read_text())
            assert record["md5"] == md5(recorded.root / path)
            if job.rule not in {"timings", "cost"}:  # they wait for results without reading them
                assert set(job.inputs) <= set(record["made_from"]["inputs"]), path
            checked += 1
    assert checked >= 10


def test_a_picture_carries_the_hash_of_its_record(recorded):
    record = json.loads((recorded.root / f"{FIGURE}{SUFFIX}").read_text())
    assert Image.open(recorded.root / FIGURE).info["Provenance"] == record["id"]
    assert record["id"] in (recorded.root / FIGURE).with_suffix(".svg").read_text()
    assert record["run"]["seeds"] == [0]
    assert record["run"]["packages"]["matplotlib"]


def test_the_tree_goes_back_to_seeds_and_base_models(recorded):
    text = recorded.run("viper", "provenance", FIGURE).stdout
    stored = "models/micro/pretrained.dvc  (given; MD5 "
    for part in (md5(recorded.root / TABLE), "draw_images", stored, "train", "calibrate_tau"):
        assert part in text


# --- clones


def test_figures_are_drawn_from_the_repository_alone(clone):
    repository = clone
    drawn = repository.run("viper", "figures")
    assert "DIFFERENT" not in drawn.stdout
    assert f"identical  {FIGURE}" in drawn.stdout
    assert not (repository.root / "models/smoke").exists()
    # They leave nothing behind. What DVC itself puts there has no record of Snakemake's, and is refused until `make
    # pull` has checked it; checkpoints may stay out of reach.
    repository.run("dvc", "pull", "--remote", "store", TABLE)
    guarded = repository.run("snakemake", "--dry-run", "--config", "scale=smoke", "--", "all", check=False)
    assert guarded.returncode != 0
    assert "make pull" in guarded.stdout + guarded.stderr
    assert "train" in repository.run("viper", "cost", "--scale", "smoke").stdout  # a plan from nothing trusts no file
    assert "models/smoke/base.csr\n" in repository.run("viper", "pull").stdout
    assert repository.plan() == set()


def test_a_pulled_file_would_silently_stay_old_without_the_guard(pulled):
    repository = pulled
    # As after `dvc pull` where the times of the files happen to be in order: files without a record.
    shutil.rmtree(repository.root / ".snakemake" / "metadata")
    repository.set("analysis.resamples", 210)
    plan = ["snakemake", "--dry-run", "--config", "scale=smoke", "--", TABLE]
    guarded = repository.run(*plan, check=False)
    assert guarded.returncode != 0
    assert "make pull" in guarded.stdout + guarded.stderr
    repository.edit("Snakefile", 'include: "rules/guard.smk"\n', "")
    silent = repository.run(*plan)
    assert "Nothing to be done" in silent.stdout + silent.stderr


def test_after_a_pull_nothing_is_to_do_and_edits_run_what_depends_on_them(pulled):
    repository = pulled
    assert "0 outs" in repository.facts["pulled"].stdout
    assert (repository.root / "models/micro/pretrained/vlm/manifest.json").is_file()
    assert repository.plan() == set()
    assert repository.plan_of("claims") == set(), "though the benchmark file of what makes them is not here"
    repository.set("analysis.resamples", 210)
    planned = repository.plan()
    assert {"tables", "figure_main", "judge_claims"} <= planned
    assert not {"train", "evaluate", "caption_images", "loop_examples"} & planned
    repository.run("git", "checkout", "--quiet", "scales")
    source = repository.root / "src/viper/analysis/figures/loop_examples.py"
    source.write_text(source.read_text() + "\n# a comment\n")
    assert repository.plan() == set()
    source.write_text(source.read_text() + "\nEDITED = True\n")
    after_figures = {"timings", "cost", "report_pages"}
    assert {"figure_loop"} <= repository.plan() <= {"figure_loop", "loop_examples", *after_figures}
    # A clone of the edited code takes the files over with the code that made them: the same edit counts there.
    repository.commit("an edit")
    planned = repository.plan()
    shutil.rmtree(repository.root / ".snakemake")
    assert "src/viper/analysis" in repository.run("viper", "pull").stdout
    assert repository.plan() == planned
    assert repository.run("git", "status", "--porcelain").stdout == ""
    # … but not where no commit has that code.
    repository.edit("dvc.lock", "resamples: 200", "resamples: 199")
    repository.commit("a recording of parameters that were never committed")
    refused = repository.run("viper", "pull", check=False)
    assert refused.returncode == 2
    assert "scales/smoke.yaml analysis" in refused.stderr


# --- any figure from its hash


@pytest.mark.parametrize(
    ("name", "start"),
    [("hash", "data"), ("HEAD:results/smoke/main/loop_examples.parquet", "scratch")],
)
def test_a_figure_is_made_again_from_its_hash(recorded, name, start):
    name = md5(recorded.root / FIGURE) if name == "hash" else name
    result = recorded.run("viper", "regenerate", name, "--from", start)
    assert result.stdout.strip().splitlines()[-1] == "identical"
    assert recorded.run("git", "worktree", "list").stdout.count("\n") == 1


def record_falsely(repository, path, md5):
    """Let dvc.lock say that a file of a recorded folder has another MD5."""
    folder, name = path.rsplit("/", 1)
    outs = [out for stage in lock_of(repository)["stages"].values() for out in stage.get("outs", [])]
    recorded = next(out["md5"] for out in outs if out["path"] == folder)
    listing = json.loads(place_of(repository.root / STORE, recorded).read_text())
    rows = [row | {"md5": md5} if row["relpath"] == name else row for row in listing]
    text = json.dumps(rows)
    other = hashlib.md5(text.encode()).hexdigest() + ".dir"
    place_of(repository.root / STORE, other).parent.mkdir(exist_ok=True)
    place_of(repository.root / STORE, other).write_text(text)
    repository.edit("dvc.lock", recorded, other)


@pytest.mark.long
def test_what_stands_in_the_way_of_a_hash_has_its_own_exit_status(clone):
    repository = clone
    unknown = repository.run("viper", "regenerate", "0" * 32, check=False)
    assert (unknown.returncode, "no commit" in unknown.stderr) == (3, True)
    assert repository.run("viper", "regenerate", f"{FIGURE}@nowhere", check=False).returncode == 3
    assert repository.run("viper", "regenerate", TABLE, check=False).returncode == 0  # predictions are kept
    out_of_reach = repository.run("viper", "regenerate", TABLE, "--from", "checkpoints", check=False)
    assert (out_of_reach.returncode, "within reach" in out_of_reach.stderr) == (4, True), out_of_reach
    # Other bytes in the lock than the code makes, first uncommitted, then committed.
    false = "f" * 32
    record_falsely(repository, FIGURE, false)
    assert repository.run("viper", "regenerate", false, check=False).returncode == 5
    repository.commit("a hash that nothing has")
    different = repository.run("viper", "regenerate", false, check=False)
    assert different.returncode == 1
    assert "DIFFERENT" in different.stdout


def test_a_damaged_copy_in_the_cache_is_named_before_anything_runs(pulled):
    weights = "models/smoke/base.csr/seed0/model.safetensors"  # of which the repository's own store has no other copy
    value = md5(pulled.root / weights)
    place = pulled.root / ".dvc/cache/files/md5" / value[:2] / value[2:]
    facts, content = place.stat(), bytearray(place.read_bytes())
    content[-3] ^= 1
    place.chmod(0o644)
    place.write_bytes(content)
    place.chmod(0o444)
    os.utime(place, ns=(facts.st_atime_ns, facts.st_mtime_ns))  # a flipped bit changes no time: DVC trusts the copy
    result = pulled.run("viper", "regenerate", FIGURE, "--from", "checkpoints", check=False)
    assert result.returncode == 4, result
    assert "models/smoke/base.csr, MD5" in result.stderr
    assert f"{value[:2]}/{value[2:]}: damaged" in result.stderr
    assert pulled.run("git", "worktree", "list").stdout.count("\n") == 1


# --- the reviewer's check


def test_verify_says_how_alike_each_artefact_is(pulled):
    for name, more in (("main", 0.0001), ("subdomains", 1)):
        path = pulled.root / f"results/smoke/main/{name}.csv"
        table = pd.read_csv(path)
        table.assign(score=table["score"] + more).to_csv(path, index=False)
    result = pulled.run("viper", "verify", "tables", check=False)
    assert result.returncode == 1
    verdicts = {line.split("results/")[1].split()[0]: line for line in result.stdout.splitlines() if "results/" in line}
    assert "largest difference 0.0001" in verdicts["smoke/main/main.csv"]
    assert verdicts["smoke/main/main.csv"].startswith("within tolerance")
    assert verdicts["smoke/main/subdomains.csv"].startswith("different")
    assert verdicts["smoke/main/main.md"].startswith("identical")


# --- dvc's own views


def test_dvc_shows_scores_curves_and_changed_parameters(pulled):
    repository = pulled
    scores = json.loads(repository.run("dvc", "metrics", "show", "--json").stdout)[""]["data"]
    assert "overall" in scores["results/smoke/main/scores.json"]["data"]["base.csr"]
    repository.run("dvc", "plots", "show", "--out", "plots")
    steps = pd.read_csv(repository.root / "results/smoke/metrics/base.csr/seed0/train.csv", dtype=str)
    rewards = steps["reward"].dropna()  # of steps that sample
    page = (repository.root / "plots/index.html").read_text()
    assert all(f'"reward": "{reward}"' in page for reward in rewards)
    repository.run("dvc", "exp", "run", "--set-param", "scales/smoke.yaml:analysis.resamples=150", "main")
    changed = json.loads(repository.run("dvc", "params", "diff", "--json").stdout)["scales/smoke.yaml"]
    assert changed["analysis.resamples"] == {"old": 200, "new": 150, "diff": -50}
