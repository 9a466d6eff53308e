"""Downloading the official benchmarks, each from the first source that sends the published file.

VLMEvalKit names one server for most of them, which is not always there, and has replaced files: of BLINK it now sends
one with other labels. So each source's file is held to the MD5 that VLMEvalKit has of it, and the next one is asked
where that differs: public copies on the hub, at a commit.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from viper.errors import ViperError
from viper.evaluation import mme_realworld
from viper.evaluation.downloads import download
from viper.evaluation.registry import OFFICIAL
from viper.evaluation.vlmevalkit import require_data, source_url
from viper.files import atomic_write
from viper.models.hub import fetch_data

_COPIES = "mm-eval/VLMEvalKit@772639df87331ba19da76ea9cc5fa77836a15a18"
# Benchmark → data set on the hub that has its published file, and where in it.
MIRRORS = {
    **{name: (_COPIES, f"{name}.tsv") for name in ("MMStar", "RealWorldQA", "BLINK", "MMVP")},
    "HallusionBench": (
        "OMG-Research/VLM@64612316e1f9009e3a8e58253b0ac186c7e330c1", "eval/HallusionBench/HallusionBench.tsv"
    ),
    "MME-RealWorld-Lite": (mme_realworld.DATA, "mme_realworld_lite.tsv"),
}  # fmt: skip
MANTIS = ("TIGER-Lab/Mantis-Eval@1d6fcb99bd0e562425e650b490cc4dfd5cf94e53", "mantis_eval/test-00000-of-00001.parquet")


def check_name(name: str, table: Path) -> None:
    """Whether `table` can be the published file of `name`: everything finds a benchmark by its file's name.

    Raises:
        ViperError: there is no such official benchmark, or its file is called otherwise.
    """
    if name not in OFFICIAL:
        raise ViperError(f"{name}: there is no official benchmark of that name; there are {', '.join(OFFICIAL)}")
    if table.name != f"{name}.tsv":
        raise ViperError(f"{table}: the file of the benchmark {name} is called {name}.tsv: name it so")


def fetch_benchmark(name: str, output: Path) -> None:
    """Make `output`, `<folder>/<name>.tsv`, the published file of benchmark `name`.

    What was downloaded from the hub is kept beside it until it is whole: an interrupted download goes on.

    Raises:
        ViperError: see `check_name`; no source has it (the message says why, and where to put the file), or it is not
            the published one.
    """
    check_name(name, output)
    kept = output.with_name(f".{name}.download")
    with atomic_write(output) as partial:
        _MADE_HERE.get(name, _download_intact)(name, partial, kept, output)
        require_data(name, partial.parent)
    shutil.rmtree(kept, ignore_errors=True)


def _download_intact(name: str, path: Path, kept: Path, output: Path) -> None:
    """Ask one source after the other until one sends the published file."""
    refused = []
    for source, get in _sources(name, path, kept, output):
        try:
            get()
            require_data(name, path.parent)
            return
        except ViperError as error:
            path.unlink(missing_ok=True)
            refused.append(f"{source}: {error}")
    reasons = "; ".join(refused)
    raise ViperError(
        f"benchmark {name} is missing, and no source has it: put its file at {output}. Asked were {reasons}"
    )


def _sources(name: str, path: Path, kept: Path, output: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """Each source of a benchmark: how it is called, and what makes `path` its file."""
    if url := source_url(name):
        yield url, lambda: download(url, path, name)
    if name in MIRRORS:
        pinned, file = MIRRORS[name]

        def from_hub() -> None:
            (found,) = fetch_data(pinned, [file], kept, f"put that file at {output}")
            shutil.move(found, path)

        yield pinned, from_hub


def _build_mme_realworld(name: str, path: Path, kept: Path, output: Path) -> None:
    by_hand = f"put its folder MME-RealWorld below {kept}, with .cache, and run this again"
    count = mme_realworld.write_table(fetch_data(mme_realworld.DATA, mme_realworld.CHUNKS, kept, by_hand), path)
    if count != mme_realworld.ITEMS:
        raise ViperError(
            f"benchmark {name}: the chunks in {kept} have {count} items, {mme_realworld.ITEMS} are published: remove "
            "that folder and run this again"
        )


def _convert_mantis(name: str, path: Path, kept: Path, output: Path) -> None:
    from viper.evaluation.mantis_table import convert

    pinned, file = MANTIS
    convert(fetch_data(pinned, [file], kept, f"`python -m viper convert-mantis {file} --output {output}`"), path)


_MADE_HERE = {"MME-RealWorld": _build_mme_realworld, "Mantis-Eval": _convert_mantis}
