"""Every command that README and docs show: run in a checkout, or planned where it takes long; or named here with the
reason why it is neither."""

import hashlib
import re
import shlex
import sys

import pytest
from PIL import Image

import documents
from repository import ROOT, Checkout, clone

FIGURE, TABLE = "results/smoke/main/main.png", "results/smoke/main/main.csv"

# Shown, but neither run nor planned here.
_NAMED = "the name of a program in a sentence, not a command to type"
_SLURM = "asks a Slurm cluster (tests/workflow/slurm runs one)"
_DOWNLOADS = "downloads gigabytes from outside"
NEVER = {
    "accelerate": _NAMED,
    "accelerate launch": _NAMED,
    "python": _NAMED,
    "viper cost": _NAMED,
    "viper fetch-model": _NAMED,
    "hf download": _NAMED,
    "hf auth login": _NAMED,
    "dvc gc": "named as what to be careful with: it deletes",
    "dvc exp run --temp": "named as what does not work here",
    "generate-slurm-partition-config": _SLURM,
    "scancel --name=NAME": _SLURM,
    'squeue --me --format="%i %j %Z"': _SLURM,
    ".venv-cuda/bin/python -m pip install -r envs/cuda.txt": _DOWNLOADS,
    ".venv-cuda/bin/python -m pip install --no-deps -r envs/cpu-nodeps.txt": _DOWNLOADS,
    ".venv-cuda/bin/python -m pip install --no-deps --no-build-isolation -e .": "after the one above",
    "git clone https://github.com/VectorSpaceLab/OmniGen2 && git -C OmniGen2 checkout"
    " 10fc7b8e29c9e7b563ec4c47d5f3233937dc21a2": _DOWNLOADS,
    "python -m pip download --no-deps vllm==0.30.0 -d cache/wheels": _DOWNLOADS,
    "python -m pytest -n 0 tests/paper_scale/test_vllm_contract.py": "one of the tests that run anyway",
    "python -m viper put-back mine/TIME": "after a pull that moved files (test_working_folder.py runs it there)",
    "python -m viper verify --all": "makes a whole experiment again (tests/workflow compares two whole runs)",
}
# Cheap ones of make; of all others the lines that they would run are planned.
QUICK_TARGETS = {"help", "figures", "pull", "record"}
# What a small recorded experiment at smoke scale has in place of micro's.
SMALL = {"results/micro/": "results/smoke/", "scales/micro.yaml": "scales/smoke.yaml", "ablation_mixed_rl": "main"}
# What the reader fills in.
PLACEHOLDERS = {"FILE.jsonl": "answers.jsonl", "FILE": FIGURE, "NAME": "main", "MD5": None}
# Where not 0: `verify` says so where something is equal within tolerance only.
STATUS = {"python -m viper verify": {0, 3}, "python -m viper verify tables train": {0, 3}}

SHOWN = sorted({command.text for command in documents.commands()})


def way(command):
    """How a command is tried: never, planned, or run."""
    words = [word for word in command.split() if "=" not in word or word.startswith("-")]
    if command in NEVER:
        return "never"
    if words[0] == "make":
        return "run" if words[1] in QUICK_TARGETS else "plan"
    if words[0].endswith("snakemake") and not {"--unlock", "--report"} & set(words):
        return "plan"
    if command.startswith(("python -m viper cost", "python -m viper dvc-yaml")) or "--unlock" in words:
        return "run at full size"
    return "run"


def of(kind):
    return [command for command in SHOWN if way(command) == kind]


def test_no_reason_is_given_for_a_command_that_is_not_shown():
    assert set(NEVER) <= set(SHOWN)
    assert all(NEVER.values())


def test_commands_are_found_in_blocks_and_in_sentences():
    assert {"make micro", "snakemake -n all", "python -m viper verify tables train", "dvc metrics diff HEAD~1"} <= set(
        SHOWN
    )
    assert len(SHOWN) > 60


def test_every_target_of_make_is_listed_by_its_help():
    text = (ROOT / "Makefile").read_text()
    targets = set(re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE).group(1).split())
    inner = {"anew"}  # of a moved environment: nobody calls it
    assert set(re.findall(r"^([\w-]+):.*##", text, re.MULTILINE)) == targets - inner
    shown = {command.split()[1] for command in SHOWN if command.startswith("make ")}
    assert shown <= targets


def install(checkout: Checkout) -> Checkout:
    """Give a checkout an environment that is set up, as far as make can tell."""
    snakemake = checkout.root / ".venv/bin/snakemake"
    snakemake.parent.mkdir(parents=True)
    snakemake.write_text(f'#!/bin/sh\n# {snakemake}\nexec {sys.executable} -m snakemake "$@"\n')
    snakemake.chmod(0o755)
    (checkout.root / ".venv/.installed").touch()  # younger than all that it is made from
    return checkout


def execute(checkout: Checkout, command: str, status=frozenset({0})) -> str:
    """Run a command as a shell would in a checkout; return what it printed."""
    result = checkout.run("bash", "-euo", "pipefail", "-c", command, check=False)
    assert result.returncode in status, f"{command}\n{result.stdout[-2500:]}\n{result.stderr[-2500:]}"
    return result.stdout


def as_plan(line: str) -> str:
    """A line with Snakemake, as a dry run."""
    return (
        line
        if re.search(r"snakemake( \S+)* (-n|--dry-run)\b", line)
        else re.sub(r"snakemake\b", "snakemake -n", line, count=1)
    )


# --- planned


@pytest.fixture(scope="module")
def whole(bare):
    """The sources with one photograph and a sample for the cold start, without which the paper cannot be planned."""
    data = install(bare).root / "data"
    (data / "photographs").mkdir(parents=True)
    Image.new("RGB", (300, 300)).save(data / "photographs/one.jpg")
    Image.new("RGB", (300, 300)).save(data / "one.png")
    sample = '{"prompt": "What?", "images": ["one.png"], "completion": "<think> x </think><answer> y </answer>"}\n'
    (data / "cold_start.jsonl").write_text(sample)
    return bare


@pytest.mark.long
@pytest.mark.parametrize("command", of("plan"))
def test_long_commands_can_be_planned(whole, command):
    for name, text in {"…": "--config scale=micro", "NAME": "main"}.items():
        command = command.replace(name, text)
    lines = [command]
    if command.startswith("make "):
        printed = execute(whole, f"make --dry-run --assume-old=.venv/.installed {command.removeprefix('make ')}")
        lines = printed.splitlines()
        assert lines, f"{command} runs nothing"
        # What it prints in the end is among what the plan makes.
        planned = "".join(execute(whole, as_plan(line)) for line in lines if line.startswith("snakemake"))
        for line in lines:
            if line.startswith("cat "):
                shown = execute(whole, f"echo {line.removeprefix('cat ')}").split()[-1]  # a folder that a command names
                assert shown in planned, f"{command} shows what its plan does not make"
        return
    for line in lines:
        assert re.search(r"Job stats|Nothing to be done", execute(whole, as_plan(line))), line


@pytest.mark.long
@pytest.mark.parametrize("option", sorted({option.text for option in documents.options()}))
def test_options_that_are_shown_alone_are_taken(whole, option):
    if option.startswith("--config '{"):
        execute(whole, f"python -m viper cost --scale 7b {option}")
    else:
        execute(whole, f"snakemake -n {option} -- all")


@pytest.mark.long
@pytest.mark.parametrize("target", re.findall(r"^([\w-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
def test_every_target_of_make_prints_what_it_would_run(whole, target):
    lines = execute(whole, f"make --dry-run --assume-old=.venv/.installed {target}").splitlines()
    assert lines or target == "setup"
    for line in lines:
        program = shlex.split(line.removeprefix("@"))[0]
        if program == "snakemake" and not {"--lint", "--report"} & set(line.split()):
            execute(whole, as_plan(line.replace("scale=micro", "scale=7b") if target == "fetch" else line))


@pytest.mark.long
@pytest.mark.parametrize("command", of("run at full size"))
def test_commands_about_whole_scales_run(whole, command):
    before = (whole.root / "dvc.yaml").read_text()
    execute(whole, command)
    (whole.root / "dvc.yaml").write_text(before)


# --- run, in a small recorded experiment


@pytest.mark.long
@pytest.mark.parametrize("command", of("run"))
def test_quick_commands_run(pulled, command):
    root, status = install(pulled).root, STATUS.get(command, {0})
    (root / "answers.jsonl").write_text(
        '{"completion": "<think> x </think><answer> A. </answer>", "ground_truth": ["A."]}\n'
    )
    for name, text in SMALL.items():
        command = command.replace(name, text)
    words = [PLACEHOLDERS.get(word, word) for word in command.split(" ")]
    command = " ".join(word or hashlib.md5((root / FIGURE).read_bytes()).hexdigest() for word in words)
    command = command.replace("python3.11", sys.executable).replace(" …", " main")
    if "remote modify" in command:
        (root / ".dvc/config.local").unlink()  # which the fixture's bucket is named in
    if "regenerate" in command:
        assert execute(pulled, command).splitlines()[-1] == "identical"
    else:
        execute(pulled, command, status)


@pytest.mark.long
def test_a_recorded_figure_of_this_repository_is_made_again_from_its_hash(tmp_path):
    """The real recording: what docs/reproducing.md promises of a fresh clone."""
    if not (ROOT / ".git").exists():
        pytest.skip("no clone: there is no history to look the hash up in")
    fresh = clone(Checkout(ROOT), tmp_path / "clone")
    path = "results/micro/main/main.png"
    lock = (fresh.root / "dvc.lock").read_text()
    value = re.search(rf"path: {re.escape(path)}\n +hash: md5\n +md5: (\w+)", lock).group(1)
    for name in (value, f"{path}@HEAD"):
        assert execute(fresh, f"python -m viper regenerate {name}").splitlines()[-1] == "identical"
