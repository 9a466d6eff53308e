"""Every temporary checkout of the tests: how one is copied or cloned, and how programs run in it.

No test works in the work tree itself, whose results are its owner's.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from viper.config.yaml_file import read_yaml
from viper.listings import place_of, read_listing
from viper.provenance.objects import REMOTE, STORE
from viper.recorded import read_dvc_file
from viper.tools import planned_rules, plans_nothing
from viper.workflow.kept import KEPT

ROOT = Path(__file__).parents[1]
STORED = Path("models/micro/pretrained")
BASES = (STORED, Path("models/micro/families"))  # folders of base models, each with the file that names it in git
SMOKE = "scales/smoke.yaml"  # parameters
# All that a run reads, and all that the commands of the documentation read: neither tests nor results. Of the store
# only the base models: without dvc.lock nothing else in it belongs to the checkout.
SOURCES = (
    *("Snakefile", "params.yaml", "scales", "rules", "envs", "profiles", "slurm", "docs", "src", "store"),
    *("Makefile", "pyproject.toml", "dvc.yaml", ".gitignore", ".dvcignore", ".dvc/config", ".dvc/.gitignore"),
    *(f"{base}.dvc" for base in BASES),
)
# What git tracks besides.
NO_SOURCES = (
    "tests",
    "results",
    ".ci",
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "CITATION.cff",
    "LICENSE",
    "dvc.lock",
)
# Of the S3 server that some tests start.
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
# Of pytest's own checkout, where it was started by a hook of git, by Snakemake, or by make.
OTHERS = ("GIT_", "SNAKEMAKE_", "MAKE", "MFLAGS")


def environment(package: Path, **variables: str) -> dict[str, str]:
    """Variables of a process that runs the package of a checkout with the programs of this environment, offline."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(OTHERS)} | KEYS
    kept |= {"PYTHONPATH": str(package / "src"), "HF_HUB_OFFLINE": "1", "PYTHONHASHSEED": "0"}
    kept["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
    return kept | variables


def command(program: str, *arguments: str) -> list[str]:
    """The words by which a program is called: git, the shell and Python by name, all others as modules of Python."""
    if program == "python":
        return [sys.executable, *arguments]
    return [*([program] if program in {"git", "bash"} else [sys.executable, "-m", program]), *arguments]


def end_of(process: subprocess.Popen, minutes: float) -> str:
    """What a started program said in the end; one that hangs is killed then, and what it said until there is shown."""
    try:
        return process.communicate(timeout=60 * minutes)[0]
    except subprocess.TimeoutExpired as late:
        process.kill()  # what it started may go on, and hold the pipe open
        process.wait()
        return f"{(late.output or b'').decode(errors='replace')}\nstill running after {minutes:g} minutes"


@dataclass(frozen=True)
class Checkout:
    """A folder with the sources, and perhaps results; `facts` is what the making of it showed."""

    root: Path
    facts: dict[str, Any] = field(default_factory=dict)

    def run(
        self, program: str, *arguments: str, check: bool = True, package: Path | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run git, bash or a module of Python here, with the package of this checkout or of another.

        `check` fails the test with what the program said and the end of every log.
        """
        result = subprocess.run(
            command(program, *arguments),
            cwd=self.root,
            env=environment(package or self.root, **variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if check and result.returncode:
            pytest.fail(
                "\n".join([f"{program} {arguments}", result.stdout[-3000:], result.stderr[-4000:], self.logs()])
            )
        return result

    def snakemake(
        self, *arguments: str, check: bool = True, cores: str | None = "2"
    ) -> subprocess.CompletedProcess[str]:
        """Run Snakemake at smoke scale on two cores (None: as the profile says)."""
        number = ["--cores", cores] if cores else []
        return self.run("snakemake", *number, "--config", "scale=smoke", *arguments, check=check)

    def logs(self) -> str:
        """The end of every log of the rules."""
        return "\n".join(f"== {path}\n{path.read_text()[-2000:]}" for path in sorted(self.root.glob("logs/**/*.log")))

    def plan(self, *more: str) -> set[str]:
        """The rules that a dry run of `all` would run; empty where it says that nothing is to be done."""
        output = self.run("snakemake", "--dry-run", "--config", "scale=smoke", *more, "--", "all").stdout
        return set() if plans_nothing(output) else set(planned_rules(output)) - {"all"}

    def plan_of(self, target: str) -> set[str]:
        """The rules that a dry run of a target would run."""
        return set(planned_rules(self.run("snakemake", "--dry-run", "--config", "scale=smoke", "--", target).stdout))

    def init(self) -> None:
        """Make it a repository of git, without commits."""
        self.run("git", "init", "--quiet", "--initial-branch", "main")
        self.introduce()

    def introduce(self) -> None:
        """Tell git who commits here."""
        self.run("git", "config", "user.email", "test@example.org")
        self.run("git", "config", "user.name", "test")

    def commit(self, message: str) -> str:
        """Commit everything; return the commit's hash."""
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--message", message)
        return self.run("git", "rev-parse", "HEAD").stdout.strip()

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace text that must be there."""
        path = self.root / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def set(self, key: str, value: object) -> None:
        """Set a dotted key in the file of the smoke scale, whether or not the file has its section."""
        path = self.root / SMOKE
        values = read_yaml(path)
        *sections, last = key.split(".")
        section = values
        for name in sections:
            section = section.setdefault(name, {})
        section[last] = value
        path.write_text(yaml.safe_dump(values))


def copy(root: Path, leave_out: Sequence[str] = (), *, bases: bool = False) -> Checkout:
    """Copy the work tree's sources, its store and, where `bases` says so, the stored base models; no results.

    What Python and Snakemake keep of the code comes along: it holds for the same bytes and times of change, and to make
    it anew takes every copy's first start of Snakemake twice as long.
    """
    for name in set(SOURCES) - set(leave_out):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if name == str(REMOTE):
            _copy_store(root)
        elif (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, root / name, ignore=_passing)
        else:
            shutil.copy(ROOT / name, root / name)
    for base in BASES if bases else ():  # newer than the files that name them, so that no rule fetches them
        shutil.copytree(ROOT / base, root / base, copy_function=shutil.copyfile)
    return Checkout(root)


def _passing(folder: str, names: list[str]) -> list[str]:
    """What lies in a folder for a moment only, since others work with it too, or tells where a package is installed."""
    if Path(folder).name == "__pycache__":
        return [name for name in names if not name.endswith(".pyc") and name != KEPT]
    return [name for name in names if name.endswith(".egg-info")]


def _copy_store(root: Path) -> None:
    """Copy the objects of the store that are the base models."""
    for base in BASES:
        (models,) = read_dvc_file(ROOT / f"{base}.dvc")
        for md5 in (models.md5, *read_listing(place_of(ROOT / STORE, models.md5)).values()):
            place = place_of(root / STORE, md5)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(place_of(ROOT / STORE, md5), place)


def clone(source: Checkout, root: Path) -> Checkout:
    """Clone a checkout with git: DVC's cache stays behind, and its remotes by other names than the store."""
    subprocess.run(command("git", "clone", "--quiet", str(source.root), str(root)), check=True, env=environment(root))
    made = Checkout(root)
    made.introduce()
    return made


def also_long(cases: Iterable[Any]) -> list[Any]:
    """Cases that take a start of Snakemake each, and tell little that their neighbours do not: `make long` has them."""
    return [pytest.param(*(case if isinstance(case, tuple) else [case]), marks=pytest.mark.long) for case in cases]


def lock_of(repository: Checkout) -> dict[str, Any]:
    """What its dvc.lock holds."""
    return read_yaml(repository.root / "dvc.lock")


def duplicate(source: Checkout, root: Path) -> Checkout:
    """Copy a checkout with its results and caches."""
    shutil.copytree(source.root, root)
    return Checkout(root, source.facts)
