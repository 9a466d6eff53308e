"""Files that came from the DVC cache and that Snakemake knows nothing about.

Snakemake decides by its records in .snakemake/metadata whether parameters or code changed since a file was made. Pulled
files have none: it would say "Nothing to be done" after any edit, and the next recording would claim that the old file
was made with the new parameters.
"""

from base64 import urlsafe_b64encode
from collections.abc import Sequence
from pathlib import Path

from viper.provenance.lock import read_lock
from viper.provenance.sidecar import SUFFIX

METADATA = Path(".snakemake/metadata")
# Snakemake runs that may see such files: they run nothing, or only rules that somebody picked to run on given inputs.
HARMLESS = {"--touch", "-t", "--unlock", "--allowed-rules", "--lint"}


def is_harmless(arguments: Sequence[str]) -> bool:
    """Whether a process with these arguments (`sys.argv`) may see such files.

    `python -m viper …` may: what it does with Snakemake in its own process, such as counting the costs, runs nothing.
    """
    program, *options = arguments
    return Path(program).parent.name == "viper" or not HARMLESS.isdisjoint(options)


def unrecorded(root: Path = Path()) -> list[str]:
    """The outs of dvc.lock that exist while Snakemake has no record of any file in them."""
    return [
        path
        for path in read_lock(root).outs
        if not path.endswith(SUFFIX) and (root / path).exists() and not _is_recorded(root, path)
    ]


def _is_recorded(root: Path, path: str) -> bool:
    place = root / path
    files = [file for file in place.rglob("*") if file.is_file()] if place.is_dir() else [place]
    return any(_record(root, file.relative_to(root).as_posix()).is_file() for file in files)


def _record(root: Path, path: str) -> Path:
    """Where Snakemake keeps what it knows of a file: its name in Base64, cut to the length of a file name."""
    name = urlsafe_b64encode(path.encode()).decode()
    parts = [name[start : start + 254] for start in range(0, len(name), 254)]
    return root.joinpath(METADATA, *(f"@{part}" for part in parts[:-1]), parts[-1])


def message(paths: list[str]) -> str:
    """What to tell the user about unrecorded files."""
    more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
    return (
        f"{', '.join(paths[:3])}{more}: came from the DVC cache; Snakemake has no record of what made them, "
        "so it would miss changed parameters and code. Run `make pull`: it checks them against dvc.lock first. "
        "(Or remove them: then they are made again.)"
    )
