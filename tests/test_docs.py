"""Links of README and docs resolve, and what they say that a target makes is what it makes."""

import re
from fnmatch import fnmatch
from functools import cache

import pytest

import documents
from documents import PAGES, ROOT
from viper import layout
from viper.workflow.graph import read

# Files that are the reader's to provide, or that the next line of the page makes.
GIVEN = {
    "data/more/**/*.jpg",  # photographs that somebody adds
    "data/3b/synthesis/base/forecast/seed0/yield.csv",  # of paper scale: planned with the commands of the page
    "results/3b/bench/edit_filter.csv",
    "results/SCALE/fit/forecast.csv",
    "data/photographs/",
    "data/photographs/**/*.jpg",
    "data/cold_start.jsonl",
    "results/micro/report.html",
    "results/benchmarks/gpu.csv",
    "models/micro/families.dvc",  # in git
}


@pytest.mark.parametrize(("page", "target"), documents.links(), ids=lambda each: str(each).rpartition("/")[2])
def test_links_lead_somewhere(page, target):
    if target.startswith("https://"):
        return
    path, _, anchor = target.partition("#")
    place = (page.parent / path).resolve() if path else page
    assert place.exists(), f"{page.name} links to {target}"
    if anchor:
        assert anchor in documents.anchors(place), f"{page.name} links to {target}; {documents.anchors(place)}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_and_sources_that_are_named_exist(page):
    text = page.read_text(encoding="utf-8")
    named = {
        code.rstrip("/")
        for code in documents.inline(text)
        if re.fullmatch(r"(?:src|docs|tests|rules|envs|slurm|profiles)/[\w./-]+", code)
    }
    named |= set(re.findall(r"\b(?:docs|rules|src|tests|envs)/[\w/-]+\.\w+", documents.prose(text)))
    assert not {name for name in named if not (ROOT / name).exists()}


MORE = ("audit_synthesis", "open_questions")  # what pages name and `all` does not make


@cache
def graph():
    """The jobs of every target that a page speaks of, read once."""
    return read(list({*BLOCKS.values(), "bench", *MORE, *rows()}), "micro", ROOT)


@cache
def outputs(target):
    """Every file that making a target makes."""
    return {path for job in graph().closure(graph().targets[target]) for path in job.outputs}


def without_seeds(folder):
    """A folder of tables that lie apart, as the scale's own run seeds have it."""
    return folder.removesuffix(layout.apart(layout.seeds_apart(folder), []))


def is_made(path, made):
    path = "/".join(map(without_seeds, path.replace("SCALE", "micro").split("/")))
    return any(fnmatch(each, path) or (path.endswith("/") and each.startswith(path)) for each in made)


@pytest.mark.parametrize(("page", "path"), documents.made_paths(), ids=lambda each: str(each))
def test_every_file_that_a_page_names_is_made_by_some_rule(page, path):
    if path in GIVEN or "/7b/" in path:  # 7b: planned with the commands, where there are photographs
        return
    targets = ["bench"] if path.startswith("results/micro/bench/") else ["all", *MORE]
    assert any(is_made(path if "." in path else f"{path.rstrip('/')}/", outputs(target)) for target in targets), path


# README's list of results: what each block belongs to.
BLOCKS = {"`snakemake main` makes": "main", "`make all` makes": "all"}


@pytest.mark.parametrize("sentence", BLOCKS)
def test_a_command_makes_what_the_list_of_results_says(sentence):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text.count(sentence) == 1, "the list of results begins with this sentence"
    (block, *_) = documents.blocks(text.partition(sentence)[2])
    paths = [path for line in block for path, more in re.findall(documents.MADE, line) for path in _all(path, more)]
    assert paths
    missing = [path for path in paths if not is_made(path, outputs(BLOCKS[sentence]))]
    assert missing == []
    before = list(BLOCKS.values())[: list(BLOCKS).index(sentence)]
    twice = [path for path in paths for target in before if is_made(path, outputs(target))]
    assert twice == [], "what an earlier command makes is not what this one makes besides"


def _all(path, more):
    return [path, *(f"{path.rpartition('/')[0]}/{name}" for name in re.findall(r"[\w-]+\.\w+", more))]


def rows():
    """Target → what the table of docs/experiments.md says that it makes."""
    text = (ROOT / "docs/experiments.md").read_text(encoding="utf-8")
    found = re.findall(r"^\| `(\w+)` \|[^|]*\|([^|]*)\|$", text, re.MULTILINE)
    return {target: re.findall(r"`([^`]+)`", makes) for target, makes in found}


@pytest.mark.parametrize("target", rows())
def test_a_target_makes_the_tables_that_its_row_names(target):
    made = outputs(target)
    for named in rows()[target]:
        folder, _, name = named.rpartition("/") if "/" in named else (target, "", named)
        pattern = f"results/micro/{folder}/{name.replace('…', '*') or '*'}"
        assert any(
            fnmatch(path.removesuffix("." + path.rpartition(".")[2]), pattern) or path == pattern for path in made
        )


def test_every_experiment_has_its_row():
    from viper.config import load

    assert set(load("micro", ROOT / "params.yaml").experiments) <= set(rows())
