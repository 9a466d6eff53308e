"""The bytes of every kind of figure are the same, whatever the user's machine has set."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from repository import also_long

ROOT = Path(__file__).parents[3]
DRAW = """
import hashlib, runpy, sys
from pathlib import Path
from viper.analysis.figures import style
kinds = runpy.run_path(sys.argv[1])["FIGURES"]
for name, draw in kinds.items():
    style.use_style()
    figure = draw()
    for suffix in (".png", ".svg", ".pdf"):
        style.save(figure, sys.argv[2] + name + suffix)
        print(name + suffix, hashlib.md5(Path(sys.argv[2] + name + suffix).read_bytes()).hexdigest())
"""
UGLY = """
text.usetex: True
backend: module://matplotlib_inline.backend_inline
font.family: serif
font.serif: Courier
font.size: 23
savefig.dpi: 31
savefig.bbox: tight
savefig.transparent: True
savefig.facecolor: green
figure.facecolor: red
figure.autolayout: True
axes.facecolor: black
axes.formatter.use_locale: True
axes.unicode_minus: False
axes.spines.left: False
axes.titleweight: bold
axes.xmargin: 0.4
errorbar.capsize: 9
hatch.linewidth: 4
image.cmap: jet
image.interpolation: lanczos
legend.fancybox: False
lines.antialiased: False
lines.linestyle: ":"
patch.force_edgecolor: True
path.simplify: False
path.sketch: 1, 100, 2
pdf.fonttype: 42
pdf.compression: 0
svg.fonttype: none
svg.hashsalt: mine
svg.image_inline: False
mathtext.fontset: stix
xtick.direction: in
xtick.labelrotation: 45
ytick.minor.visible: True
"""


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def in_the_current_folder(place):
    write(place / "matplotlibrc", UGLY.encode())
    return {}


def not_even_text(place):
    write(place / "matplotlibrc", "text.usetex: True".encode("utf-16"))
    return {"MPLBACKEND": "no such backend"}


def named_by_the_environment(place):
    write(place / "elsewhere" / "rc", UGLY.encode())
    return {"MATPLOTLIBRC": str(place / "elsewhere" / "rc"), "MPLBACKEND": "module://matplotlib_inline.backend_inline"}


def in_the_users_folder(place):
    for folder in (".config/matplotlib", "mpl"):
        write(place / "home" / folder / "matplotlibrc", UGLY.encode())
        write(place / "home" / folder / "stylelib" / "broken.mplstyle", "text.usetex: True".encode("utf-16"))
    return {"HOME": str(place / "home"), "MPLCONFIGDIR": str(place / "home" / "mpl"), "MPLBACKEND": "TkAgg"}


def another_place_time_and_terminal(place):
    return {
        "SOURCE_DATE_EPOCH": "1",
        "TZ": "Pacific/Kiritimati",
        "LANG": "de_DE.UTF-8",
        "LC_ALL": "C",
        "LC_NUMERIC": "de_DE.UTF-8",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "PYTHONIOENCODING": "ascii",
        "PYTHONHASHSEED": "7",
        "COLUMNS": "20",
        "HOME": "/nonexistent",
        "DISPLAY": ":99",
    }


MACHINES = [
    in_the_current_folder,
    not_even_text,
    named_by_the_environment,
    in_the_users_folder,
    another_place_time_and_terminal,
]


def draw(place: Path, environment: dict[str, str]) -> list[str]:
    """Draw every kind of figure in a process of its own, in the folder `place`; return names and hashes."""
    plain = {key: value for key, value in os.environ.items() if not key.startswith(("MPL", "MATPLOTLIB"))}
    result = subprocess.run(
        [sys.executable, "-c", DRAW, str(Path(__file__).with_name("test_figures.py")), f"{place}/"],
        cwd=place,
        env=plain | {"PYTHONPATH": str(ROOT / "src")} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    return draw(tmp_path_factory.mktemp("plain"), {})


@pytest.mark.slow
@pytest.mark.parametrize(
    "machine",
    [*MACHINES[:2], *also_long(MACHINES[2:])],
    ids=lambda machine: machine.__name__,
)
def test_what_a_machine_has_set_changes_no_byte(tmp_path, expected, machine):
    assert len(expected) >= 24
    assert draw(tmp_path, machine(tmp_path)) == expected


def test_what_another_library_set_meanwhile_is_undone(tmp_path):
    from viper.analysis.figures import style
    from viper.plotting import plt

    plt.rcParams.update({"font.size": 23, "savefig.bbox": "tight", "axes.grid": False})
    style.use_style()
    assert (plt.rcParams["font.size"], plt.rcParams["savefig.bbox"], plt.rcParams["axes.grid"]) == (7, None, True)
    assert plt.get_backend().lower() == "agg"


def test_nothing_imports_matplotlib_past_the_module_that_prepares_it():
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            assert path.name == "plotting.py" or not any(name.partition(".")[0] == "matplotlib" for name in names), path
