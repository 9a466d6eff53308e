"""Downloading the official benchmarks, each checked against the MD5 that VLMEvalKit has of it."""

import shutil
import tempfile
from pathlib import Path

from viper.errors import ViperError
from viper.evaluation.vlmevalkit import require_data, source_url
from viper.files import atomic_write
from viper.models.hub import explained

_MME = "yifanzhang114/MME-RealWorld-Base64"
_ON_THE_HUB = {
    "MME-RealWorld": (_MME, "MME-RealWorld.tsv"),
    "MME-RealWorld-Lite": (_MME, "mme_realworld_lite.tsv"),
}
_MANTIS = "TIGER-Lab/Mantis-Eval"


def fetch_benchmark(name: str, output: Path) -> None:
    """Make `output`, `<folder>/<name>.tsv`, the published file of benchmark `name`.

    Raises:
        ViperError: it cannot be reached (the message says where to put it), or it is not the published one.
    """
    with tempfile.TemporaryDirectory(dir=_made(output.parent), prefix=f".{name}.") as scratch:
        path = Path(scratch) / f"{name}.tsv"
        if name == "Mantis-Eval":
            _convert_mantis(Path(scratch), path, output)
        elif name in _ON_THE_HUB:
            _from_hub(*_ON_THE_HUB[name], path, output)
        else:
            _from_url(name, source_url(name), path, output)
        require_data(name, Path(scratch))
        with atomic_write(output) as partial:
            shutil.move(path, partial)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _from_url(name: str, url: str, path: Path, output: Path) -> None:
    import fsspec
    from fsspec.callbacks import TqdmCallback

    bar = TqdmCallback(tqdm_kwargs={"desc": name, "unit": "B", "unit_scale": True, "mininterval": 2})
    try:
        fsspec.filesystem("http").get_file(url, str(path), callback=bar)
    except OSError as error:  # aiohttp's errors among them
        raise ViperError(
            f"benchmark {name} is missing, and {url} cannot be reached ({error}): put that file at {output}"
        ) from error


def _from_hub(repository: str, file: str, path: Path, output: Path) -> None:
    command = f"hf download {repository} {file} --repo-type dataset"
    with explained(
        f"benchmark {path.stem}", f"On a machine with a network: `{command}`; then put that file at {output}"
    ):
        from huggingface_hub import hf_hub_download

        found = hf_hub_download(repository, file, repo_type="dataset", local_dir=path.parent / "download")
    shutil.move(found, path)


def _convert_mantis(scratch: Path, path: Path, output: Path) -> None:
    by_hand = (
        f"On a machine with a network: `hf download {_MANTIS} --repo-type dataset --local-dir mantis`; then here "
        f"`python -m viper convert-mantis mantis/**/*.parquet --output {output}`"
    )
    with explained("benchmark Mantis-Eval", by_hand):
        from huggingface_hub import snapshot_download

        folder = snapshot_download(
            _MANTIS, repo_type="dataset", allow_patterns="*.parquet", local_dir=scratch / "download"
        )
    from viper.evaluation.mantis import convert

    convert(sorted(Path(folder).rglob("*.parquet")), path)
