"""Whether the package that runs is the one of the folder that it works in.

An environment is tied to the clone that it was made in: used in another one, it would run the first one's code on the
second one's parameters without a word.
"""

import os
import sys
from pathlib import Path

from viper.errors import ViperError

PACKAGE = Path(__file__).resolve().parent


class CheckoutError(ViperError):
    """This is no checkout, or the package of another one runs in it."""


def check(folder: Path | None = None) -> None:
    """Stop where `folder` (default: the current one) is not a checkout that this package belongs to.

    Raises:
        CheckoutError: what is wrong, and what to do.
    """
    folder = (folder or Path.cwd()).resolve()
    own = folder / "src" / "viper"
    if own.is_dir():
        if not own.samefile(PACKAGE):
            raise CheckoutError(
                f"{folder} is one checkout, and the package that runs here is that of another: {PACKAGE}. Run `make "
                f"setup` here and use this folder's .venv (`. .venv/bin/activate`), or work in the other checkout"
            )
    elif not (folder / "Snakefile").is_file():
        above = next((str(place) for place in folder.parents if (place / "src" / "viper").is_dir()), None)
        raise CheckoutError(
            f"{folder} is no checkout of this repository: run from the repository's root, "
            + (f"`cd {above}`" if above else "the folder that you cloned, with Snakefile and params.yaml")
        )


def use_own_programs() -> None:
    """Let this process and those that it starts find `python`, `accelerate` and `dvc` beside the Python that runs this.

    So it is also where nobody activated the environment. Where Snakemake runs in one environment and its jobs in
    another, the variable VIPER_STEPS names the folder of the jobs' programs.
    """
    programs = os.environ.get("VIPER_STEPS") or str(Path(sys.executable).parent)
    os.environ["PATH"] = f"{programs}{os.pathsep}{os.environ['PATH']}"


def relative(path: str | Path, root: Path = Path()) -> str:
    """A path as rules and dvc.lock name it, relative to the checkout, however a user wrote it.

    Args:
        path: absolute or relative to the current folder, with `.` and `..` as people have them; it need not be there.

    Raises:
        CheckoutError: it lies elsewhere.
    """
    asked = Path(os.path.abspath(path))  # noqa: PTH100  (`resolve` would follow the links that DVC makes to its cache)
    for place, top in (
        (asked, Path(os.path.abspath(root))),  # noqa: PTH100
        (asked.parent.resolve() / asked.name, root.resolve()),
    ):
        if place.is_relative_to(top):
            return place.relative_to(top).as_posix()
    raise CheckoutError(f"{path}: lies outside of this checkout, {root.resolve()}: name a file in it")
