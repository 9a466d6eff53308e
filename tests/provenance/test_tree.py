"""What `viper provenance` says of files: the bytes that are here, and whether they are the recorded ones."""

import hashlib
import json
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from viper.checkout import relative
from viper.errors import ViperError
from viper.provenance import tree
from viper.recorded import Lock
from viper.workflow.graph import Graph, Job

TABLE, FIGURE = "results/toy/main/main.csv", "results/toy/main/main.png"
SEEDS = [f"data/toy/images/seed{seed}/shard0.parquet" for seed in (0, 1)]
VLM = "models/toy/pretrained/vlm/manifest.json"


def md5(text):
    return hashlib.md5(text.encode()).hexdigest()


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Return a function that writes files and says what the tree of the figure prints, line by line."""
    monkeypatch.chdir(tmp_path)
    jobs = [
        *(Job("draw_images", "x.smk", (), (path,)) for path in SEEDS),
        Job("fetch_pretrained", "x.smk", (), (VLM,)),
        Job("tables", "x.smk", (*SEEDS, VLM), (TABLE,)),
        Job("figure_main", "x.smk", (TABLE,), (FIGURE,)),
    ]

    def lines(files, recorded):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        outs = [{"path": path, "md5": value} for path, value in recorded.items()]
        lock = yaml.safe_dump({"stages": {"main": {"outs": outs}}}) if recorded else None
        if lock:
            (tmp_path / "dvc.lock").write_text(lock)
        console = Console(width=400, highlight=False, markup=False)
        with console.capture() as capture:
            console.print(tree.tree(FIGURE, Graph(tuple(jobs), {}), Lock(lock)))
        return capture.get().splitlines()

    return lines


STATES = {
    "here, as recorded": ("a", md5("a"), f"MD5 {md5('a')}, as recorded"),
    "here, another": ("b", md5("a"), f"MD5 {md5('b')}, other than recorded; dvc.lock records {md5('a')}"),
    "here, not recorded": ("b", None, f"MD5 {md5('b')}, not recorded"),
    "recorded, not here": (None, md5("a"), f"not here; dvc.lock records {md5('a')}"),
    "neither": (None, None, "not here, not recorded"),
}


@pytest.mark.parametrize("state", STATES)
def test_each_file_shows_its_own_bytes_beside_the_recorded_ones(place, state):
    text, recorded, expected = STATES[state]
    first, *_ = place({FIGURE: text} if text else {}, {FIGURE: recorded} if recorded else {})
    assert first == f"{FIGURE}  (figure_main; {expected})"


def test_files_of_one_rule_are_counted_by_what_they_are(place):
    text = "\n".join(place({SEEDS[0]: "mine"}, {SEEDS[0]: md5("mine"), SEEDS[1]: md5("other")}))
    assert f"{SEEDS[0]}  (draw_images; MD5 {md5('mine')}, as recorded)" in text
    assert f"{SEEDS[1]}  (draw_images; not here; dvc.lock records {md5('other')})" in text


def test_a_file_of_a_recorded_folder_is_held_to_the_list_of_that_folder(place, tmp_path):
    folder = "data/toy/images/seed0"
    listing = json.dumps([{"relpath": "shard0.parquet", "md5": md5("mine")}])
    name = f"{md5(listing)}.dir"
    recorded = {folder: name}
    text = "\n".join(place({SEEDS[0]: "mine"}, recorded))
    assert "recorded in a folder whose list of files is not here" in text
    cache = tmp_path / ".dvc/cache/files/md5" / name[:2] / name[2:]
    cache.parent.mkdir(parents=True)
    cache.write_text(listing)
    assert f"MD5 {md5('mine')}, as recorded" in "\n".join(place({SEEDS[0]: "mine"}, recorded))
    assert "other than recorded" in "\n".join(place({SEEDS[0]: "yours"}, recorded))


def test_base_models_are_fetched_and_belong_to_no_recording(place):
    assert f"{VLM}  (fetch_pretrained; MD5 {md5('{}')}, fetched)" in "\n".join(place({VLM: "{}"}, {}))


WAYS = [
    FIGURE,
    f"./{FIGURE}",
    "results/toy/../toy/main/./main.png",
    "results//toy/main/main.png",
    "{here}/results/toy/main/main.png",
    "{here}/data/../results/toy/main/main.png",
    "../{name}/results/toy/main/main.png",
    "{link}/results/toy/main/main.png",
]


@pytest.mark.parametrize("way", WAYS)
def test_a_path_may_be_written_in_any_way(tmp_path, monkeypatch, way):
    (tmp_path / "here").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    assert relative(way.format(here=tmp_path / "here", name="here", link=tmp_path / "link")) == FIGURE


def test_results_may_be_a_link_to_another_disk(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    (tmp_path / "disk/toy/figures").mkdir(parents=True)
    (tmp_path / "here/results").symlink_to(tmp_path / "disk")
    monkeypatch.chdir(tmp_path / "here")
    assert relative(tmp_path / "here" / FIGURE) == FIGURE


@pytest.mark.parametrize("path", ["../other/main.png", "/etc/hostname", "results/../../x.csv"])
def test_what_lies_outside_is_refused_in_one_sentence(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ViperError, match="lies outside of this checkout"):
        relative(path)


def test_what_no_rule_writes_is_refused_and_a_folder_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ViperError, match="no rule makes it"):
        tree.show(Path("params.yaml"))
    (tmp_path / "results/toy/figures").mkdir(parents=True)
    with pytest.raises(ViperError, match="name one of its files"):
        tree.show(Path("results/toy/figures"))
