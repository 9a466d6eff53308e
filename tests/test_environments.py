"""The two lock files: what is asked for is pinned, and they differ only in what docs/paper-scale.md names."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from repository import also_long
from viper.models.engine import NEWEST, OLDEST

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DIFFER = {"numpy", "pandas", "snakemake-executor-plugin-slurm"}


def pinned(name):
    lines = (ROOT / "envs" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    asked = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(each.name): next(iter(each.specifier)).version for each in asked}


@pytest.mark.parametrize(("name", "extra"), [("cpu", "dev"), ("cuda", "cuda")])
def test_what_the_project_asks_for_is_pinned(name, extra):
    pins = pinned(name)
    for text in [*PROJECT["dependencies"], *PROJECT["optional-dependencies"][extra]]:
        asked = Requirement(text)
        assert pins[canonicalize_name(asked.name)] in asked.specifier, text


def test_the_two_differ_in_what_the_documentation_says():
    cpu, cuda = pinned("cpu"), pinned("cuda")
    assert {name for name in cpu.keys() & cuda.keys() if cpu[name] != cuda[name]} == DIFFER
    text = (ROOT / "docs" / "paper-scale.md").read_text()
    for name in DIFFER:
        assert re.search(rf"{cpu[name]}.*{cuda[name]}", text), name


def test_the_vllm_of_the_lock_is_one_that_is_let_through():
    assert OLDEST <= Version(pinned("cuda")["vllm"]) <= NEWEST


# What README says that the lock can be installed on; the tags are those that pip would take there, newest first.
GLIBC = [f"manylinux_2_{minor}" for minor in range(28, 16, -1)] + ["manylinux2014", "manylinux2010", "manylinux1"]
MACOS = [f"macosx_{major}_0" for major in range(14, 10, -1)] + [f"macosx_10_{minor}" for minor in range(16, 8, -1)]
PLATFORMS = {
    "linux x86_64": [f"{tag}_x86_64" for tag in GLIBC],
    "linux aarch64": [f"{tag}_aarch64" for tag in GLIBC],
    "darwin arm64": [f"{tag}_{kind}" for tag in MACOS for kind in ("arm64", "universal2")],
}
# Published as sources only, and nothing to compile in them.
PURE = {"antlr4-python3-runtime", "connection-pool", "docopt", "jieba", "pylatexenc", "timeout-decorator"}


def resolve(platform, folder):
    """What pip would install of the two lock files on a platform: its report; skips where no index is in reach."""
    system, machine = platform.split()
    asked = folder / "asked.txt"
    lines = [line for name in ("cpu", "cpu-nodeps") for line in locked(name, system, machine)]
    asked.write_text("\n".join(lines), encoding="utf-8")
    tags = [word for tag in PLATFORMS[platform] for word in ("--platform", tag)]
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--retries", "1"]
    options = ["--dry-run", "--ignore-installed", "--no-deps", "--python-version", "3.11", *tags]
    files = ["--target", str(folder / "nowhere"), "--report", str(folder / "report.json"), "-r", str(asked)]
    result = subprocess.run([*pip, *options, *files], capture_output=True, text=True, check=False)
    if result.returncode and ("connection broken by" in result.stderr or "No module named pip" in result.stderr):
        pytest.skip("no package index within reach: the lock is not resolved")
    assert result.returncode == 0, result.stderr
    return json.loads((folder / "report.json").read_text(encoding="utf-8"))["install"]


def locked(name, system, machine):
    """The lines of a lock file that concern a platform, without markers: pip would judge those by this machine."""
    for line in (ROOT / "envs" / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            asked = Requirement(line)
            here = {"sys_platform": system, "platform_machine": machine}
            if asked.marker is None or asked.marker.evaluate(here):
                yield f"{asked.name}{asked.specifier}"


@pytest.mark.long  # each asks the package index for hundreds of versions; on its own platform set-up installs it
@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_lock_can_be_installed_on_every_platform_that_is_promised(platform, tmp_path):
    found = resolve(platform, tmp_path)
    sources = {each["metadata"]["name"] for each in found if not each["download_info"]["url"].endswith(".whl")}
    assert {canonicalize_name(name) for name in sources} <= PURE
    assert len(found) > 200


def test_the_platforms_are_those_of_the_documentation():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "Linux on x86-64 and aarch64, and macOS 14 on arm64" in text


# Makes an editable wheel with a program, without setuptools, which would have to be downloaded.
BACKEND = """
import pathlib, zipfile

def build_editable(folder, config_settings=None, metadata_directory=None):
    files = {
        "viper.pth": str(pathlib.Path("src").resolve()),
        "viper-1.dist-info/METADATA": "Metadata-Version: 2.1\\nName: viper\\nVersion: 1\\n",
        "viper-1.dist-info/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
        "viper-1.dist-info/entry_points.txt": "[console_scripts]\\nsnakemake = viper:name\\n",
    }
    files["viper-1.dist-info/RECORD"] = "".join(f"{name},,\\n" for name in files)
    with zipfile.ZipFile(pathlib.Path(folder) / "viper-1-py3-none-any.whl", "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
    return "viper-1-py3-none-any.whl"
"""


@pytest.fixture
def folder(tmp_path):
    """A checkout of a package without dependencies, and what sets it up."""
    root = tmp_path / "checkout"
    (root / "envs").mkdir(parents=True)
    (root / "src" / "viper").mkdir(parents=True)
    for name in ("setup.sh", "torchvision.pth"):
        shutil.copy(ROOT / "envs" / name, root / "envs")
    shutil.copy(ROOT / "Makefile", root)
    for name in ("envs/cpu.txt", "envs/cpu-nodeps.txt", "src/viper/__init__.py"):
        (root / name).touch()
    project = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    (root / "pyproject.toml").write_text(project, encoding="utf-8")
    (root / "backend.py").write_text(BACKEND, encoding="utf-8")
    return root


def set_up(root, python=sys._base_executable, **environment):
    """`make setup` with a Python; the one of this machine unless another is named."""
    command = ["make", "--no-print-directory", "setup", f"PYTHON={python}"]
    plain = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "MAKE", "MFLAGS"))}
    return subprocess.run(command, cwd=root, env=plain | environment, capture_output=True, text=True, check=False)


def is_ready(root):
    python = root / ".venv" / "bin" / "python"
    code = "import viper, pip; print(viper.__file__)"
    result = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    return result.stdout.strip() == str(root / "src" / "viper" / "__init__.py")


def another_python(root):
    wrong = root.parent / "python9"
    wrong.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    wrong.chmod(0o755)
    return wrong


@pytest.mark.parametrize("wrong", [another_python, lambda root: "no-such-python"])
def test_a_wrong_python_is_refused_and_leaves_no_environment(folder, wrong):
    result = set_up(folder, wrong(folder))
    assert result.returncode == 2
    assert "make: needs Python 3.11, and" in result.stderr
    assert not (folder / ".venv").exists()


def test_a_python_without_pip_is_refused_and_leaves_no_environment(folder):
    (folder.parent / "bare").mkdir()
    (folder.parent / "bare" / "ensurepip.py").write_text("raise SystemExit(1)", encoding="utf-8")
    result = set_up(folder, PYTHONPATH=str(folder.parent / "bare"))
    assert result.returncode == 2
    assert "comes without pip (Debian: apt-get install python3.11-venv)" in result.stderr
    assert not (folder / ".venv").exists()


def left_by_another_python(root):
    (root / ".venv" / "bin").mkdir(parents=True)
    shutil.copy(another_python(root), root / ".venv" / "bin" / "python")


def half_made(root):
    (root / ".venv" / "lib").mkdir(parents=True)


def without_pip(root):
    subprocess.run([sys._base_executable, "-m", "venv", "--without-pip", root / ".venv"], check=True)


def no_folder(root):
    (root / ".venv").touch()


@pytest.mark.slow
@pytest.mark.parametrize(
    "before",
    [
        left_by_another_python,
        half_made,
        *also_long([without_pip, no_folder]),
    ],
)
def test_what_an_earlier_attempt_left_does_not_stand_in_the_way(folder, before):
    before(folder)
    result = set_up(folder)
    assert result.returncode == 0, result.stderr
    assert is_ready(folder)


@pytest.mark.slow
@pytest.mark.parametrize("activated", [*also_long([False]), True])
def test_an_environment_that_came_with_a_copied_folder_is_made_anew(folder, activated):
    assert set_up(folder).returncode == 0
    assert "setup.sh" not in set_up(folder).stdout  # nothing to do
    copy = folder.with_name("copy of it")
    shutil.copytree(folder, copy, symlinks=True)
    assert not is_ready(copy)
    # Where its programs are the first on the path, the Python of that name is its own, which goes.
    own = {"python": "python3.11", "PATH": f"{copy / '.venv/bin'}{os.pathsep}{os.environ['PATH']}"}
    result = set_up(copy, **(own if activated else {}))
    assert (result.returncode, "made anew" in result.stderr) == (0, True), result.stderr
    assert is_ready(copy)
    assert is_ready(folder)
