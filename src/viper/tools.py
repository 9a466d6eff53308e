"""Calling git, DVC and Snakemake: in this environment, with the end of what they said where they fail."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from viper.errors import ViperError

# The variables by which git tells its hooks about another repository; settings such as GIT_CONFIG_COUNT stay.
_OF_ANOTHER = {
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_WORK_TREE",
}
# What a user may have set that changes what git prints.
_PLAIN = ("color.ui=false", "log.showSignature=false", "log.follow=false", "core.autocrlf=false")


def call(program: str, *arguments: str, root: Path = Path()) -> str:
    """Run git, dvc or snakemake in `root`, with the package of `root`; return what it printed.

    Raises:
        ViperError: it failed: its last lines; where it lacked the history, that alone.
    """
    result = run(program, *arguments, root=root)
    if result.returncode:
        if "not a git repository" in result.stderr + result.stdout:
            raise ViperError(
                f"{root.resolve()}: this needs the history, which a downloaded zip does not have: clone the repository "
                "with git"
            )
        last = "\n".join((result.stderr + result.stdout).strip().splitlines()[-15:])
        raise ViperError(f"{program} {' '.join(arguments[:4])} … failed in {root.resolve()}:\n{last}")
    return result.stdout


def run(program: str, *arguments: str, root: Path = Path()) -> subprocess.CompletedProcess[str]:
    """Like `call`, but a failure is the caller's to judge.

    Raises:
        ViperError: there is no git on this machine.
    """
    plain = [word for setting in _PLAIN for word in ("-c", setting)]
    command: Sequence[str] = ["git", *plain] if program == "git" else [sys.executable, "-m", program]
    if program == "dvc" and arguments[0] != "config":
        tell_dvc_of_missing_git(root)
    environment = {key: value for key, value in os.environ.items() if key not in _OF_ANOTHER}
    environment["PYTHONPATH"] = _before(root.resolve() / "src", environment.get("PYTHONPATH"))
    environment["PATH"] = _before(Path(sys.executable).parent, environment.get("PATH"))
    # In English and UTF-8, whatever the user reads: the output is read below.
    environment |= {"LC_ALL": "C"} if program == "git" else {"PYTHONUTF8": "1"}
    try:
        done = subprocess.run([*command, *arguments], cwd=root, env=environment, check=False, capture_output=True)
    except FileNotFoundError as error:
        if error.filename != "git":
            raise
        raise ViperError("git is not installed, and nobody else knows the history: install it") from None
    # Names of files need not be UTF-8, and may hold any end of line, which reading as text would change.
    said = (stream.decode("utf-8", errors="surrogateescape") for stream in (done.stdout, done.stderr))
    return subprocess.CompletedProcess(done.args, done.returncode, *said)


def listed(*arguments: str, root: Path = Path()) -> list[str]:
    """The paths that a git command lists, whatever is in their names.

    Args:
        arguments: a command that knows `-z`, such as `ls-files`, and its options.

    Raises:
        ViperError: git failed.
    """
    command, *options = arguments
    return call("git", command, "-z", *options, root=root).split("\0")[:-1]


def has_git(root: Path = Path()) -> bool:
    """Whether a folder lies in a git repository, which the content of a downloaded zip does not."""
    return any((folder / ".git").exists() for folder in (root.resolve(), *root.resolve().parents))


def tell_dvc_of_missing_git(root: Path = Path()) -> None:
    """Let DVC fetch without git, which it otherwise refuses: the stored base models are in a downloaded zip too."""
    local = root / ".dvc" / "config.local"
    if has_git(root) or not local.parent.is_dir():
        return
    if not local.is_file() or "no_scm" not in local.read_text(encoding="utf-8"):
        call("dvc", "config", "--local", "core.no_scm", "true", root=root)


def _before(first: Path, others: str | None) -> str:
    """A list of folders for PATH or PYTHONPATH, with one more before what the user has there."""
    return os.pathsep.join([str(first), *([others] if others else [])])


def plans_nothing(output: str) -> bool:
    """Whether a dry run of Snakemake said that everything is up to date; its exit status is 0 either way."""
    return "Nothing to be done" in output


def planned_rules(output: str) -> list[str]:
    """The rules that a dry run of Snakemake would run, from its table of job counts."""
    lines = output.partition("Job stats:")[2].partition("\n\n")[0].splitlines()
    names = [line.split()[0] for line in lines if line.strip()]
    return [name for name in names if name not in {"job", "total"} and not name.startswith("-")]
