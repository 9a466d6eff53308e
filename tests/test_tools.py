"""Git, DVC and Snakemake are called the same way whatever the user has set, and say themselves why they refuse."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from repository import STORED, Checkout, command, copy, environment
from viper import tools
from viper.errors import ViperError
from viper.provenance.regenerate import find
from viper.provenance.worktree import copied

# Any name of a file: bytes other than "/" and NUL, and not "." or ".."
NAMES = st.binary(min_size=1, max_size=40).map(lambda name: name.replace(b"/", b"x").replace(b"\0", b"y"))
NAMES = NAMES.filter(lambda name: name not in (b".", b"..", b".git", b".gitignore", b".gitattributes", b".gitmodules"))


@pytest.fixture
def repository(tmp_path):
    root = tmp_path / "repository"
    root.mkdir()
    made = Checkout(root)
    made.init()
    (root / ".gitignore").write_text("ignored\n", encoding="utf-8")
    recorded = "stages: {main: {outs: [{path: results/toy/other.csv, md5: 0a}]}}\n"
    (root / "dvc.lock").write_text(recorded, encoding="utf-8")
    made.commit("first")
    return root


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.sets(NAMES, min_size=1, max_size=8), tracked=st.booleans())
def test_a_copy_has_every_source_whatever_its_name(repository, names, tracked):
    folder = repository / "sources"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name in names:
        with open(os.fsencode(folder) + b"/" + name, "wb") as file:  # noqa: PTH123  (a name in bytes)
            file.write(b"content")
    if tracked:
        Checkout(repository).run("git", "add", "--all")
    with copied([], repository) as place:
        assert set(os.listdir(os.fsencode(place / "sources"))) == names  # noqa: PTH208


@pytest.mark.parametrize("name", ["bücher.yaml", "two words.yaml", 'a"quote.yaml', "new\nline.yaml", "tab\t.yaml"])
@pytest.mark.parametrize("has_git", [True, False])
def test_a_copy_has_files_with_names_as_people_have_them(repository, name, has_git):
    (repository / name).touch()
    (repository / "ignored").touch()
    if not has_git:  # a downloaded zip
        shutil.rmtree(repository / ".git")
        (repository / ".dvc").mkdir()
        (repository / ".dvc" / ".gitignore").write_text("/cache\n", encoding="utf-8")
    with copied([], repository) as place:
        assert (place / name).exists()
        assert not (place / "ignored").exists()


def test_what_the_user_has_in_the_paths_stays_behind_this_checkouts(monkeypatch, tmp_path):
    monkeypatch.setenv("PYTHONPATH", f"/opt/OmniGen2{os.pathsep}/opt/other")
    shown = Path(tmp_path, "show.py")
    shown.write_text("import os, sys; print(os.environ['PYTHONPATH'], os.environ['PATH'])", encoding="utf-8")
    (tmp_path / "src").mkdir()
    shutil.copy(shown, tmp_path / "src")
    python_path, path = tools.call("show", root=tmp_path).split(" ", 1)
    assert python_path == f"{tmp_path / 'src'}{os.pathsep}/opt/OmniGen2{os.pathsep}/opt/other"
    assert path.startswith(f"{Path(sys.executable).parent}{os.pathsep}")


def test_without_a_path_of_the_user_there_is_no_empty_one(monkeypatch, tmp_path):
    monkeypatch.delenv("PYTHONPATH", raising=False)
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "show.py").write_text("import os; print(os.environ['PYTHONPATH'])", encoding="utf-8")
    assert tools.call("show", root=tmp_path).strip() == str(tmp_path / "src")


def test_what_the_user_has_told_git_changes_no_list(repository, monkeypatch, tmp_path):
    (tmp_path / "home").mkdir()
    told = "[color]\nui = always\n[log]\nshowSignature = true\n[core]\nquotePath = true\npager = false\n"
    (tmp_path / "home" / ".gitconfig").write_text(told, encoding="utf-8")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("LANGUAGE", "de")
    assert tools.listed("ls-files", root=repository) == [".gitignore", "dvc.lock"]
    assert len(tools.call("git", "log", "--format=%H", root=repository).strip()) == 40


@pytest.mark.skipif(os.getuid() != 0, reason="only the superuser can give a folder away")
def test_a_clone_of_another_user_is_refused_in_gits_own_words(repository, monkeypatch):
    os.chown(repository, 65534, 65534)
    os.chown(repository / ".git", 65534, 65534)
    for name in ("results/toy/main.csv", "results/toy/main.csv@HEAD", "HEAD:results/toy/main.csv", "0" * 32):
        with pytest.raises(ViperError, match=r"(?s)dubious ownership.*safe\.directory"):
            find(name, repository)
    # … until git is told, also in a container that tells it by the environment
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "safe.directory")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "*")
    with pytest.raises(ViperError, match="is not recorded at HEAD"):
        find("results/toy/main.csv", repository)


def test_without_git_the_message_says_what_a_zip_lacks(tmp_path):
    with pytest.raises(ViperError, match="a downloaded zip does not have"):
        find("results/toy/main.csv", tmp_path)


@pytest.mark.parametrize("program", ["git", "dvc"])
def test_what_a_zip_lacks_is_said_first_and_alone(tmp_path, monkeypatch, program):
    noise = ["WARNING: something", "ERROR: failed to open: fatal: not a git repository (or any parent)", "Traceback"]
    script = f"import sys; print({noise!r}, sep='\\n', file=sys.stderr); sys.exit(128)"
    (tmp_path / "noisy").mkdir()
    (tmp_path / "noisy" / "dvc.py").write_text(script)
    (tmp_path / "src").symlink_to("noisy")  # the folder of the package comes first
    with pytest.raises(ViperError) as error:
        tools.call(program, "log" if program == "git" else "status", root=tmp_path)
    assert str(error.value) == (
        f"{tmp_path}: this needs the history, which a downloaded zip does not have: clone the repository with git"
    )


def test_without_the_program_the_message_says_so(monkeypatch, repository):
    monkeypatch.setenv("PATH", str(repository))
    monkeypatch.setattr(tools.sys, "executable", str(repository / "python"))
    with pytest.raises(ViperError, match="git is not installed"):
        tools.call("git", "log", root=repository)


@pytest.fixture
def zipped(tmp_path):
    """The content of a downloaded zip: everything but git."""
    return copy(tmp_path / "zip")


FETCH = ("snakemake", "--cores", "1", "--config", "scale=smoke", "--", "fetch_pretrained")
FETCHED = STORED / "vlm" / "manifest.json"


@pytest.mark.slow
def test_the_base_models_come_without_git(zipped):
    zipped.run(*FETCH)
    assert (zipped.root / FETCHED).is_file()


@pytest.mark.slow
def test_why_the_base_models_cannot_come_is_said_at_once(zipped):
    shutil.rmtree(zipped.root / "store")
    result = zipped.run(*FETCH, check=False)
    said = result.stdout + result.stderr
    assert result.returncode == 1
    assert "error: models/micro/pretrained: neither in store/ nor in a remote within reach" in said
    assert "Traceback" not in said


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("setpriv") is None or os.getuid() != 0, reason="cannot give up rights on this machine")
def test_a_shared_cache_that_nobody_may_touch_is_enough(zipped, tmp_path):
    shared, root = tmp_path / "shared", zipped.root
    tools.call("dvc", "config", "--local", "cache.dir", str(shared), root=root)
    tools.call("dvc", "config", "--local", "cache.type", "symlink", root=root)
    tools.call("dvc", "pull", "--remote", "store", f"{STORED}.dvc", root=root)
    assert (root / FETCHED).is_symlink()
    for place in (shared, *shared.rglob("*")):
        os.chown(place, 65534, 65534)
        place.chmod(0o555 if place.is_dir() else 0o444)
    weak = ["setpriv", "--bounding-set", "-all,+dac_read_search", "--inh-caps", "-all", *command(*FETCH)]
    result = subprocess.run(weak, cwd=root, env=environment(root), capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert not (root / FETCHED).is_symlink()
