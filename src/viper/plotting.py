"""matplotlib as where nobody has set anything: what a user prefers must change no byte of a figure, nor stop one.

matplotlib reads settings when it is imported, from the environment, the current folder and the user's. So nothing of
this package imports it before this module, and what draws imports it from here.
"""

import os
from contextlib import chdir
from pathlib import Path


def _prepare() -> None:
    """Import matplotlib with its own defaults and no window, whatever the environment and the user's files say.

    Its list of fonts is kept beside Snakemake's records, not among the user's settings.
    """
    os.environ["MPLBACKEND"] = "Agg"
    os.environ["MATPLOTLIBRC"] = os.devnull
    os.environ["MPLCONFIGDIR"] = str(Path(".snakemake", "matplotlib").absolute())
    with chdir(Path(__file__).parent):  # a matplotlibrc of the current folder would come first
        import matplotlib  # noqa: F401


_prepare()

import matplotlib as mpl  # noqa: E402
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib import font_manager  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

__all__ = ["Figure", "font", "plt", "reset"]


def reset() -> None:
    """Undo what another library has set meanwhile, and know no fonts but matplotlib's own: the same on any machine."""
    mpl.use("Agg")
    mpl.rcdefaults()
    own = Path(mpl.get_data_path()).resolve()
    manager = font_manager.fontManager
    manager.ttflist = [entry for entry in manager.ttflist if Path(entry.fname).resolve().is_relative_to(own)]


def font(family: str) -> str:
    """The file of a font that comes with matplotlib.

    Raises:
        ValueError: it has none of that name.
    """
    return font_manager.findfont(family, fallback_to_default=False)
