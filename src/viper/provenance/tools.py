"""Calling git, DVC and Snakemake: in this environment, with the end of what they said where they fail."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from viper.errors import ViperError


def call(program: str, *arguments: str, root: Path = Path()) -> str:
    """Run git, dvc or snakemake in `root`, with the package of `root`; return what it printed.

    Raises:
        ViperError: it failed: its last lines.
    """
    result = run(program, *arguments, root=root)
    if result.returncode:
        last = "\n".join((result.stderr + result.stdout).strip().splitlines()[-15:])
        raise ViperError(f"{program} {' '.join(arguments[:4])} … failed in {root.resolve()}:\n{last}")
    return result.stdout


def run(program: str, *arguments: str, root: Path = Path()) -> subprocess.CompletedProcess[str]:
    """Like `call`, but a failure is the caller's to judge."""
    command: Sequence[str] = [program] if program == "git" else [sys.executable, "-m", program]
    environment = os.environ | {"PYTHONPATH": str((root / "src").resolve())}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    # A worktree is no place for the variables by which git tells its hooks about another one.
    environment = {key: value for key, value in environment.items() if not key.startswith("GIT_")}
    return subprocess.run(
        [*command, *arguments], cwd=root, env=environment, text=True, check=False, capture_output=True
    )


def plans_nothing(output: str) -> bool:
    """Whether a dry run of Snakemake said that everything is up to date; its exit status is 0 either way."""
    return "Nothing to be done" in output


def planned_rules(output: str) -> list[str]:
    """The rules that a dry run of Snakemake would run, from its table of job counts."""
    lines = output.partition("Job stats:")[2].partition("\n\n")[0].splitlines()
    names = [line.split()[0] for line in lines if line.strip()]
    return [name for name in names if name not in {"job", "total"} and not name.startswith("-")]
