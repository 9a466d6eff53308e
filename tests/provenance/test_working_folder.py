"""A working folder never gets stuck: whatever is done in whatever order works, or says what to do, and that works.

All on the small experiment with rules that take no time (toy.py): the commands, records and messages are the real ones.
"""

import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import yaml

from repository import command as words_of
from repository import environment
from viper.listings import digest_of
from viper.provenance.objects import STORE, entries
from viper.provenance.sidecar import SUFFIX
from viper.recorded import Lock, read_lock

pytestmark = pytest.mark.long

ONE_SEED = ["snakemake", "--cores", "2", "--config", "scale=smoke", "scales={smoke: {seeds: [0]}}", "--", "main"]
OPERATIONS = {
    "one seed": ONE_SEED,
    "all": ["snakemake", "--cores", "2", "--", "all"],
    "figures": ["viper", "figures"],
    "pull": ["viper", "pull"],
    "record": ["viper", "record"],
    "verify": ["viper", "verify"],
    "repro": ["dvc", "repro", "main"],
    "another scale": ["snakemake", "--cores", "2", "--config", "scale=micro", "--", "images"],
    "plain pull": ["dvc", "checkout", "--allow-missing", "results/smoke/main/main.csv"],
    "kill": [],
    "edit": [],
    "put back": [],
}


def text_of(result) -> str:
    return result.stdout + result.stderr


def remedies(text: str) -> list[list[str]]:
    """The commands that a message names, in its order."""
    found = re.findall(r"`((?:make pull|make record|snakemake|python -m viper|git checkout)[^`]*)`", text)
    words = [shlex.split(command) for command in found]
    return [
        ["viper", each[1]] if each[0] == "make" else each[2:] if each[0] == "python" else each
        for each in words
        if "…" not in each
    ]


def start(repository, command) -> subprocess.Popen:
    return subprocess.Popen(
        words_of(*command),
        cwd=repository.root,
        env=environment(repository.root),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def kill_once_there(repository, command, pattern, seconds=60) -> None:
    """Kill a run's whole group once a file of this pattern exists."""
    process = start(repository, command)
    end = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < end and not list(repository.root.glob(pattern)):
        time.sleep(0.01)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def do(repository, name, chance) -> subprocess.CompletedProcess | None:
    """One operation; None where there is nothing for it to do."""
    if name == "kill":
        shutil.rmtree(repository.root / "data/smoke", ignore_errors=True)
        kill_once_there(repository, OPERATIONS["all"][0:], "data/smoke/images/*/*.parquet")
        return None
    if name == "edit":
        repository.set("analysis.resamples", chance.choice([200, 210]))
        return None
    if name == "put back":
        aside = sorted((repository.root / "mine").glob("*"))
        if not aside:
            return None
        return repository.run("viper", "put-back", f"mine/{aside[-1].name}", check=False)
    return repository.run(*OPERATIONS[name], check=False)


def is_fine(name, result) -> bool:
    if result is None or result.returncode == 0:
        return True
    if name == "figures":  # other parameters make other figures: it says so
        return result.returncode == 1 and "other " in result.stdout
    return name == "verify" and result.returncode == 1 and "different" in result.stdout


@pytest.mark.parametrize("seed", range(1))
def test_any_order_works_or_says_what_to_do(request, seed):
    chance = random.Random(seed)
    repository = request.getfixturevalue("toy_clone" if seed % 2 else "toy")
    done = []
    for name in chance.sample([*OPERATIONS, *OPERATIONS], 12):
        done.append(name)
        result = do(repository, name, chance)
        for _ in range(4):
            if is_fine(name, result):
                break
            text = text_of(result)
            assert "Traceback" not in text, (done, text)
            named = remedies(text)
            assert named, (done, text)
            for command in named[:1]:
                done.append(" ".join(command))
                repository.run(*command, check=False)
            result = do(repository, name, chance)
        assert is_fine(name, result), (done, text_of(result))
    # Whatever happened: it can be put in order, and nothing of the recording is lost.
    repository.run("git", "checkout", "--quiet", ".")
    for command in (["snakemake", "--unlock"], ["viper", "pull"]):
        result = repository.run(*command)
    kept = {path: md5 for path, md5 in recorded_files(repository.root).items() if path.startswith("results/")}
    assert len(kept) > 30
    assert {path: digest_of(repository.root / path) for path in kept} == kept
    assert repository.plan() == set()


def recorded_files(root: Path) -> dict[str, str]:
    """Every file that dvc.lock records, as far as its listing is in the repository, with its MD5."""
    return {path: entry.md5 for path, entry in entries(read_lock(root), root / STORE).items()}


# --- the cases by name


def test_a_run_that_was_killed_goes_on_although_its_files_are_recorded(toy):
    shutil.rmtree(toy.root / ".snakemake")
    for name in ("data/smoke", "models/smoke", "results/smoke"):
        shutil.rmtree(toy.root / name)
    seeds = ["snakemake", "--cores", "1", "--", "images"]
    kill_once_there(toy, seeds, "data/smoke/images/*/*.parquet")
    assert list(toy.root.glob("data/smoke/images/*/*.parquet"))
    toy.run("snakemake", "--unlock")
    toy.run(*seeds)
    toy.run("snakemake", "--cores", "2", "--", "all")
    wanted = {path: md5 for path, md5 in recorded_files(toy.root).items() if path.endswith(("main.csv", "0.parquet"))}
    assert {path.split("/")[0] for path in wanted} == {"data", "results"}
    assert {path: digest_of(toy.root / path) for path in wanted} == wanted


def test_figures_leave_the_working_folder_alone_and_say_why_they_differ(toy_clone):
    drawn = toy_clone.run("viper", "figures")
    assert "DIFFERENT" not in drawn.stdout
    assert not (toy_clone.root / "results").exists()
    assert list((toy_clone.root / "work/figures/results/smoke/main").glob("main.png"))
    toy_clone.set("analysis.resamples", 210)
    toy_clone.run("snakemake", "--cores", "2", "--", "main")
    mine = (toy_clone.root / "results/smoke/main/main.png").read_bytes()
    toy_clone.run("git", "checkout", "--quiet", "scales")
    assert "DIFFERENT" not in toy_clone.run("viper", "figures").stdout  # drawn from the recorded tables, not from mine
    assert (toy_clone.root / "results/smoke/main/main.png").read_bytes() == mine
    toy_clone.set("analysis.published_model", "7B")
    different = toy_clone.run("viper", "figures", check=False)
    assert different.returncode in (0, 1)
    if different.returncode:
        assert "other parameters" in different.stdout


def test_a_run_with_fewer_seeds_lies_beside_the_recorded_one_and_shares_what_each_seed_made(toy):
    before = {path: path.read_bytes() for path in (toy.root / "results/smoke").rglob("*") if path.is_file()}
    said = text_of(toy.run(*ONE_SEED))
    assert "rule train:" not in said
    assert "rule evaluate:" not in said
    folders = {path.name for path in (toy.root / "results/smoke").iterdir()}
    assert "main-seed0" in folders
    assert {path: path.read_bytes() for path in before} == before
    assert "Nothing to be done" in text_of(toy.run("snakemake", "--cores", "2", "--", "all"))
    assert toy.run("viper", "record").stdout.strip()
    assert toy.run("git", "status", "--porcelain").stdout == ""
    verified = toy.run("viper", "verify").stdout
    for folder in ("main", "main-seed0"):
        assert f"identical         results/smoke/{folder}/main.csv" in verified
    traced = toy.run("viper", "provenance", "results/smoke/main-seed0/main.csv").stdout
    assert "base.csr/seed0/" in traced
    assert "seed1" not in traced


def test_what_one_seed_made_before_a_pull_stays_and_counts(toy_clone):
    toy_clone.run(*ONE_SEED)
    data = toy_clone.root / "data/smoke/images/seed0/shard0.parquet"
    before = data.read_bytes()
    said = toy_clone.run("viper", "pull").stdout
    assert "of your own files" not in said
    assert not (toy_clone.root / "mine").exists()
    assert data.read_bytes() == before
    assert "data/smoke/images\n" in said  # the other seed's images lie in a remote out of reach
    assert toy_clone.plan() == set()
    assert toy_clone.run("git", "status", "--porcelain").stdout == ""
    refused = toy_clone.run("viper", "record")
    assert "nothing to record" in refused.stdout
    assert toy_clone.run("git", "status", "--porcelain").stdout == ""


def test_another_seed_is_not_recorded_with_the_others(toy):
    foreign = toy.root / "data/smoke/images/seed7/shard0.parquet"
    foreign.parent.mkdir()
    foreign.write_text("of another run")
    refused = toy.run("viper", "record", check=False)
    assert refused.returncode == 2
    assert "data/smoke/images/seed7/shard0.parquet is of a seed that scale smoke has not" in refused.stderr
    shutil.rmtree(foreign.parent)
    toy.run("viper", "record")
    assert toy.run("git", "status", "--porcelain").stdout == ""


def test_a_new_experiment_has_no_record_yet_and_pull_takes_the_others(toy_clone):
    toy_clone.set("experiments.ablation_order", ["base.csr", "base"])
    toy_clone.run("viper", "dvc-yaml")
    assert "Traceback" not in text_of(toy_clone.run("viper", "pull"))
    assert "ablation_tables" in toy_clone.plan()


def test_own_results_are_set_aside_by_pull_and_come_back(toy_clone):
    toy_clone.set("analysis.resamples", 210)
    again = ["snakemake", "--cores", "2", "--", "main"]
    toy_clone.run(*again)
    table = toy_clone.root / "results/smoke/main/main.csv"
    mine = table.read_bytes()
    said = toy_clone.run("viper", "pull").stdout
    back = re.search(r"python -m viper put-back (\S+)", said).group(1)
    recorded = recorded_files(toy_clone.root)["results/smoke/main/main.csv"]
    assert digest_of(table) == recorded
    assert "tables" in toy_clone.plan()  # the edit still stands
    toy_clone.run("viper", "put-back", back)
    assert table.read_bytes() == mine
    assert not (toy_clone.root / back).exists()
    assert "Nothing to be done" in text_of(toy_clone.run(*again))  # Snakemake's records came back too
    toy_clone.run("viper", "pull")
    assert digest_of(table) == recorded


def test_after_a_pull_a_stage_of_results_has_nothing_to_do_without_the_archive(toy_clone):
    assert "models/smoke/base.csr" in toy_clone.run("viper", "pull").stdout
    for stage in ("main", "claims", "all"):
        said = text_of(toy_clone.run("dvc", "repro", stage))
        assert "Running stage" not in said, said
    assert toy_clone.run("git", "status", "--porcelain").stdout == ""
    assert not (toy_clone.root / "data").exists()
    # … every table that is made from results is checked, and made again from predictions
    said = toy_clone.run("viper", "verify").stdout
    assert "not checked" not in said
    for table in ("main/main.csv", "main/subdomains.csv", "claims/claims.csv"):
        assert f"identical         results/smoke/{table}" in said
    made = toy_clone.run("viper", "regenerate", "results/smoke/main/main.csv@HEAD", "--from", "predictions").stdout
    assert made.strip().endswith("identical")
    # … and an edit of what is out of reach is seen all the same.
    toy_clone.set("synthesis.caption.max_new_tokens", 17)
    assert {"caption_images", "assemble_datasets", "evaluate"} <= toy_clone.plan()
    assert "Running stage 'evaluate_main'" in text_of(toy_clone.run("dvc", "repro", "--dry", "main"))


def test_repro_on_a_fresh_clone_fetches_the_base_models_itself(toy_clone):
    said = text_of(toy_clone.run("dvc", "repro", "main"))
    assert (toy_clone.root / "models/micro/pretrained/vlm/manifest.json").is_file(), said
    made = read_lock(toy_clone.root).outs
    recorded = Lock(toy_clone.run("git", "show", "HEAD:dvc.lock").stdout).outs
    others = {path for path in recorded if recorded[path].md5 != made[path].md5}
    assert {path for path in others if not path.startswith("results/")} == set()
    # Of results the records beside the tables say when they were made.
    listed = entries(Lock(toy_clone.run("git", "show", "HEAD:dvc.lock").stdout), toy_clone.root / STORE)
    main = [path for path in listed if path.startswith("results/smoke/main/") and not path.endswith(SUFFIX)]
    kept = {path: listed[path].md5 for path in main}
    assert len(kept) > 5
    assert {path: digest_of(toy_clone.root / path) for path in kept} == kept


def test_an_older_record_of_data_sets_is_not_taken_for_the_results(toy, tmp_path):
    toy.set("synthesis.caption.max_new_tokens", 17)
    toy.run("dvc", "repro", "main")
    toy.run("dvc", "push", "--quiet", "--remote", "store")
    toy.commit("results with other captions")
    said = toy.run("viper", "pull").stdout
    assert "of an older run than the others" in said
    assert not (toy.root / "models/smoke/base.csr").exists()
    assert "evaluate" not in toy.plan()
    table = "results/smoke/main/main.csv"
    refused = toy.run("viper", "regenerate", table, "--from", "checkpoints", check=False)
    assert (refused.returncode, "older run" in refused.stderr) == (4, True), text_of(refused)
    # Recorded whole, all is of one run again.
    toy.run("snakemake", "--cores", "2", "--", *_stages(toy))
    toy.run("viper", "record")
    assert "older run" not in toy.run("viper", "pull").stdout


def _stages(repository) -> list[str]:
    return list(yaml.safe_load((repository.root / "dvc.yaml").read_text())["stages"])


def test_verify_checks_what_is_there_and_names_what_is_damaged(toy_clone):
    nothing = toy_clone.run("viper", "verify", check=False)
    assert (nothing.returncode, nothing.stderr.count("\n")) == (2, 1), nothing.stderr
    assert "make the results first" in nothing.stderr
    toy_clone.run(*ONE_SEED)
    said = toy_clone.run("viper", "verify").stdout
    assert "identical         results/smoke/main-seed0/main.csv" in said
    assert "identical         results/smoke/main-seed0/main.png" in said
    assert "results/smoke/claims-seed0/claims.csv (it, or an input of it, is not here)" in said
    answers = toy_clone.root / "results/smoke/predictions/test/base.csr/seed0/MicroStar.tsv"
    flip(answers)
    damaged = toy_clone.run("viper", "verify", check=False)
    assert damaged.returncode == 2
    assert str(answers.relative_to(toy_clone.root)) in damaged.stderr
    assert "Traceback" not in damaged.stderr


def flip(path: Path) -> None:
    """Change one bit, not the size."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    mode = path.stat().st_mode
    path.chmod(0o644)
    path.write_bytes(content)
    path.chmod(mode)  # DVC trusts what is read-only


@pytest.mark.parametrize("fault", ["flipped", "removed", "emptied"])
@pytest.mark.parametrize(
    "command",
    [["viper", "pull"], ["viper", "figures"], ["viper", "regenerate", "results/smoke/main/main.csv"]],
)
def test_a_damaged_object_of_the_store_is_named_and_restored(toy_clone, fault, command):
    table = recorded_files(toy_clone.root)["results/smoke/main/main.csv"]
    place = toy_clone.root / STORE / table[:2] / table[2:]
    if fault == "flipped":
        flip(place)
    elif fault == "removed":
        place.unlink()
    else:
        place.write_bytes(b"")
    refused = toy_clone.run(*command, check=False)
    assert refused.returncode == 2
    assert f"{STORE}/{table[:2]}/{table[2:]}" in refused.stderr
    assert "of results/smoke/main/main.csv: restored from git" in refused.stderr
    assert toy_clone.run("git", "status", "--porcelain").stdout == ""
    toy_clone.run(*command)


def test_a_damaged_base_model_in_the_store_stops_the_rule_that_fetches_it(toy_clone):
    listing = toy_clone.root / STORE / "66/bb2a35058b25e229ec21b90c8254f2.dir"
    flip(listing)
    fetch = ["snakemake", "--cores", "1", "--", "models/micro/pretrained/vlm/manifest.json"]
    assert toy_clone.run(*fetch, check=False).returncode != 0
    log = (toy_clone.root / "logs/smoke/fetch_pretrained.log").read_text()
    assert "of models/micro/pretrained: restored from git" in log
    toy_clone.run(*fetch)


def test_a_damaged_object_of_the_cache_is_named_and_replaced(toy_clone):
    toy_clone.run("viper", "pull")
    table = recorded_files(toy_clone.root)["results/smoke/main/main.csv"]
    flip(toy_clone.root / ".dvc/cache/files/md5" / table[:2] / table[2:])
    (toy_clone.root / "results/smoke/main/main.csv").unlink()
    said = toy_clone.run("viper", "pull").stdout
    assert "results/smoke/main/main.csv: damaged in DVC's cache" in said
    assert digest_of(toy_clone.root / "results/smoke/main/main.csv") == table


def test_a_damaged_file_that_was_pulled_is_found(toy_clone):
    toy_clone.run("viper", "pull")
    flip(toy_clone.root / "results/smoke/main/main.csv")
    named = toy_clone.run("snakemake", "--cores", "1", "--forcerun", "figure_main", "--", "figures", check=False)
    assert named.returncode != 0
    logs = "".join(path.read_text() for path in (toy_clone.root / "logs").rglob("*.log"))
    assert "results/smoke/main/main.csv: damaged or changed" in text_of(named) + logs


def test_a_run_at_another_scale_minds_no_pulled_files_of_this_one(toy_clone):
    toy_clone.run("dvc", "pull", "results/smoke/main/main.csv")
    assert toy_clone.run("snakemake", "--dry-run", "--", "all", check=False).returncode != 0
    toy_clone.run("snakemake", "--dry-run", "--config", "scale=micro", "--", "images")


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "{}",
        "{",
        "[]",
        "7",
        "stages: 3\n",
        "<<<<<<< HEAD\nstages: {}\n=======\n",
        "stages:\n  a: {outs: [{path: x}]}",
    ],
)
@pytest.mark.parametrize("command", [["snakemake", "--dry-run", "--", "all"], ["viper", "pull"], ["viper", "figures"]])
def test_a_broken_lock_is_one_message(toy_clone, broken, command):
    (toy_clone.root / "dvc.lock").write_text(broken)
    result = toy_clone.run(*command, check=False)
    assert result.returncode != 0
    said = text_of(result)
    assert "dvc.lock" in said
    assert "git checkout HEAD -- dvc.lock" in said
    assert "Traceback" not in said
