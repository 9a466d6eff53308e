"""From a hash, or a path and a revision, to the commit that recorded it."""

import hashlib
import json
import os
import subprocess

import pytest
import yaml

from repository import Checkout
from viper.errors import ViperError
from viper.listings import place_of
from viper.provenance.objects import STORE
from viper.provenance.regenerate import UNCOMMITTED, UNKNOWN, RegenerateError, find
from viper.recorded import Lock

FIGURE, OLD, NEW, UNSAVED = "results/toy/main/main.png", "a" * 32, "b" * 32, "c" * 32


def lock(md5):
    outs = [{"path": FIGURE, "md5": md5}, {"path": "models/toy/base.csr", "md5": "d" * 32 + ".dir"}]
    return yaml.safe_dump({"stages": {"main": {"cmd": "x", "deps": [{"path": "Snakefile", "md5": "e"}], "outs": outs}}})


@pytest.fixture
def repository(tmp_path):
    """Two commits that record two versions of a figure, and a third version that no commit records."""

    made = Checkout(tmp_path)
    made.init()
    commits = []
    for md5 in (OLD, NEW):
        (tmp_path / "dvc.lock").write_text(lock(md5))
        commits.append(made.commit(md5))
    (tmp_path / "dvc.lock").write_text(lock(UNSAVED))
    return tmp_path, *commits


@pytest.mark.parametrize(
    ("name", "which", "md5"),
    [
        (OLD, 0, OLD),
        (NEW, 1, NEW),
        (f"{FIGURE}@HEAD~1", 0, OLD),
        (f"HEAD~1:{FIGURE}", 0, OLD),
        (FIGURE, 1, NEW),
        ("./results/toy/../toy/main/main.png@HEAD", 1, NEW),
        (f"HEAD~1:./{FIGURE}", 0, OLD),
    ],
)
def test_the_commit_is_found(repository, name, which, md5):
    root, *commits = repository
    found = find(name, root)
    assert (found.commit, found.path, found.md5) == (commits[which], FIGURE, md5)


@pytest.mark.parametrize(
    ("name", "status", "message"),
    [
        ("f" * 32, UNKNOWN, "no commit's dvc.lock records it"),
        (f"{FIGURE}@v9", UNKNOWN, "no revision 'v9'"),
        ("HEAD:results/toy/main/other.png", UNKNOWN, "not recorded at HEAD"),
        (
            "models/toy/base.csr/manifest.json",
            UNKNOWN,
            "part of the folder models/toy/base.csr, whose list of files is not here: name a table",
        ),
        ("models/toy/base.csr", UNKNOWN, "models/toy/base.csr: a folder: name one of its files"),
        (UNSAVED, UNCOMMITTED, "in no commit"),
        ("", UNKNOWN, "'' names no file: give its path"),
        ("HEAD:", UNKNOWN, "'HEAD:' names no file"),
        ("@HEAD", UNKNOWN, "names no file"),
        ("abc123", UNKNOWN, "a hash has 32 digits"),
    ],
)
def test_what_cannot_be_found_says_why(repository, name, status, message):
    with pytest.raises(RegenerateError, match=message) as error:
        find(name, repository[0])
    assert error.value.status == status


@pytest.mark.parametrize("name", ["e" * 32, "results/toy/predictions/a.tsv", "results/toy/predictions/a.tsv@HEAD"])
def test_a_file_of_a_recorded_folder_is_found_by_the_listing(repository, name):
    """Later commits that leave dvc.lock as it is record nothing: the commit is the one that did."""
    root, *_ = repository
    listing = json.dumps([{"md5": "e" * 32, "relpath": "a.tsv"}])
    md5 = hashlib.md5(listing.encode()).hexdigest() + ".dir"
    place = place_of(root / STORE, md5)
    place.parent.mkdir(parents=True)
    place.write_text(listing)
    recorded = yaml.safe_load(lock(NEW))
    recorded["stages"]["main"]["outs"].append({"path": "results/toy/predictions", "md5": md5})
    (root / "dvc.lock").write_text(yaml.safe_dump(recorded))
    made = Checkout(root)
    commit = made.commit("with a folder")
    (root / "notes").write_text("later")
    made.commit("later")
    found = find(name, root)
    assert (found.commit, found.path, found.md5) == (commit, "results/toy/predictions/a.tsv", "e" * 32)
    with pytest.raises(
        RegenerateError, match=r"b\.tsv: there is no such file in results/toy/predictions, which is rec"
    ):
        find("results/toy/predictions/b.tsv", root)


def test_an_absolute_path_is_found(repository):
    root, _, newest = repository
    assert find(f"{root / FIGURE}@HEAD", root).commit == newest


def test_what_git_refuses_is_said_in_its_own_words(repository, tmp_path):
    """As root one may give the repository away, which git then does not read."""
    root, *_ = repository
    if os.geteuid():
        pytest.skip("only root can make a clone of another user")
    for path in (root, root / ".git"):
        os.chown(path, 12345, 12345)
    with pytest.raises(ViperError, match="dubious ownership"):
        find(FIGURE, root)


def test_a_commit_that_emptied_the_lock_does_not_hide_the_one_before(repository):
    root, *commits = repository
    (root / "dvc.lock").write_text("")
    for command in (["add", "dvc.lock"], ["-c", "user.name=t", "-c", "user.email=t@e.org", "commit", "--quiet", "-m-"]):
        subprocess.run(["git", *command], cwd=root, check=True)
    assert find(NEW, root).commit == commits[1]
    with pytest.raises(ViperError, match=r"dvc\.lock of commit \w+: empty\. Name another commit"):
        find(f"{FIGURE}@HEAD", root)


def test_a_file_in_a_folder_belongs_to_the_folder():
    read = Lock(lock(OLD))
    assert read.covering("models/toy/base.csr/manifest.json").path == "models/toy/base.csr"
    assert read.covering(FIGURE).stage == "main"
    assert read.covering("models/toy/base") is None
