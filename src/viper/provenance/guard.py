"""Files that came from the DVC cache and that Snakemake knows nothing about.

Snakemake decides by its records in .snakemake/metadata whether parameters or code changed since a file was made. Pulled
files have none: it would say "Nothing to be done" after any edit, and the next recording would claim that the old file
was made with the new parameters.

A file without a record is not thereby a pulled one: a run that was killed leaves some, and a run beside this one is
just making some. Pulled is what has the bytes that dvc.lock records, while Snakemake neither recorded them nor was at
work on them (.snakemake/incomplete); or what such bytes replaced after Snakemake had recorded others.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from viper.digests import CACHES, noted
from viper.listings import digest_of
from viper.provenance.objects import files_in, parts_of
from viper.provenance.sidecar import SUFFIX
from viper.recorded import Entry, read_lock
from viper.workflow.metadata import INCOMPLETE, METADATA, record

# Snakemake runs that may see such files: they run nothing, or only rules that somebody picked to run on given inputs.
HARMLESS = {"--touch", "-t", "--unlock", "--allowed-rules", "--lint"}


def is_harmless(arguments: Sequence[str]) -> bool:
    """Whether a process with these arguments (`sys.argv`) may see such files.

    `python -m viper …` may: what it does with Snakemake in its own process, such as counting the costs, runs nothing.
    """
    program, *options = arguments
    return Path(program).parent.name == "viper" or not HARMLESS.isdisjoint(options)


def unrecorded(scale: str, root: Path = Path()) -> list[str]:
    """The outs of dvc.lock that a run at `scale` could make, and that were pulled without a record.

    Raises:
        ViperError: dvc.lock is broken.
    """
    return [
        entry.path
        for entry in read_lock(root).outs.values()
        if _is_of(scale, entry.path) and not entry.path.endswith(SUFFIX) and _is_pulled(root, entry)
    ]


def _is_of(scale: str, path: str) -> bool:
    """Whether the rules write a file at this scale; of other scales' files they at most read some, as given."""
    return Path(path).parts[1:2] == (scale,)


def _is_pulled(root: Path, entry: Entry) -> bool:
    """Whether an out, or what one seed has of it, came from the cache."""
    place = root / entry.path
    if not place.exists():
        return False
    parts = parts_of(entry.path, entry.md5, *(root / cache for cache in CACHES)) if place.is_dir() else None
    if parts is None:
        return _came_later(root, _files(place, root), lambda: digest_of(place) == entry.md5)
    return any(
        _came_later(root, _files(root / part, root), partial(_has, part, files, root)) for part, files in parts.items()
    )


def _has(part: str, files: dict[str, str], root: Path) -> bool:
    """Whether what is here of a part is as recorded; some of it may be missing."""
    return files_in(part, root).items() <= files.items()


def _files(place: Path, root: Path) -> list[str]:
    """The files in a place, or that file itself; a note of where a file is from is none that a run takes over."""
    found = place.rglob("*") if place.is_dir() else [place]
    return [file.relative_to(root).as_posix() for file in found if file.is_file() and not file.name.endswith(SUFFIX)]


def _came_later(root: Path, names: Sequence[str], is_as_recorded: Callable[[], bool]) -> bool:
    """Whether files are the recorded ones, and came after Snakemake's records of them, or without any."""
    if not names or any(record(root, INCOMPLETE, name).is_file() for name in names):
        return False
    records = {name: record(root, METADATA, name) for name in names}
    known = [name for name in names if records[name].is_file()]
    # Recorded files that are younger than their record: Snakemake made other bytes, and these came later.
    younger = [name for name in known if (root / name).stat().st_mtime_ns > records[name].stat().st_mtime_ns]
    suspects = [name for name in younger if noted(name) not in (None, digest_of(root / name))]
    return (not known or bool(suspects)) and is_as_recorded()


def message(paths: list[str]) -> str:
    """What to tell the user about unrecorded files."""
    more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
    return (
        f"{', '.join(paths[:3])}{more}: came from the DVC cache; Snakemake has no record of what made them, "
        "so it would miss changed parameters and code. Run `make pull`: it checks them against dvc.lock first. "
        "(Or remove them: then they are made again.)"
    )
