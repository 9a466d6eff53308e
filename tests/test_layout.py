"""One module spells every path, and reads back what it spelled."""

import ast
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repository import ROOT
from viper import layout
from viper.layout import Answers, Layout
from viper.manifest import MANIFEST

SEEDS = st.integers(0, 2**31)
LINEAGES = st.lists(st.sampled_from(["csr", "vop", "mix", "cold", "seed3", "captions"]), max_size=4).map(
    lambda phases: ".".join(["base", *phases])
)
CONTROLLED = st.tuples(LINEAGES, st.sampled_from(["", "+look", "+seed1"])).map("".join)
# Whatever people call their scales and splits: also what a path has in other places.
NAMES = st.sampled_from(["micro", "3b", "images", "captions", "predictions", "metrics", "seed1"])
SPLITS = st.sampled_from(["test", "dev", "final.2", "predictions", "seed1"])
BENCHMARKS = st.sampled_from(["MicroStar", "MMStar", "SEEDBench_IMG", "A-Bench_TEST", "v1.5", "seed7"])
STEPS = st.sampled_from(["captions", "reconstructions", "critiques", "refinements", "operations", "edits"])


@given(NAMES, CONTROLLED, SPLITS, BENCHMARKS, SEEDS | st.none())
def test_predictions_say_what_they_are_of(scale, lineage, split, benchmark, seed):
    path = Layout(scale).predictions(f"{benchmark}.tsv", lineage=lineage, split=split, seed=seed)
    assert layout.answers_of(path) == Answers(lineage, seed, split, benchmark)
    assert layout.seed_of(path) == seed
    assert not layout.is_of_target(path)


@given(NAMES, LINEAGES, SEEDS, st.sampled_from(["train.csv", "rollouts.jsonl"]))
def test_metrics_attention_and_checkpoints_say_their_run(scale, lineage, seed, file):
    where = Layout(scale)
    paths = (
        where.metrics(file, lineage=lineage, seed=seed),
        where.attention(lineage=lineage, seed=seed),
        where.checkpoint(lineage=lineage, seed=seed),
    )
    for path in paths:
        assert layout.run_of(path) == (lineage, seed)
        assert layout.seed_of(path) == seed
        assert not layout.is_of_target(path)


@given(NAMES, LINEAGES, STEPS, SEEDS, st.integers(0, 999))
def test_tables_of_the_synthesis_say_lineage_step_and_run_seed(scale, lineage, step, seed, shard):
    path = Layout(scale).synthesis(step, lineage=lineage, seed=seed, shard=shard)
    assert layout.step_of(path) == (lineage, step, seed)
    assert layout.seed_of(path) == seed


@given(NAMES, SEEDS, st.integers(0, 999), LINEAGES, st.sampled_from(["csr/train.parquet", "README.md", "dropped.csv"]))
def test_the_seed_of_data_is_read_from_its_folder(scale, seed, shard, lineage, file):
    where = Layout(scale)
    paths = (
        where.images(seed=seed, shard=shard),
        where.skipped(seed=seed),
        where.truth(seed=seed, shard=shard),
        where.dataset(file, lineage=lineage, seed=seed),
        where.cold(seed=seed),
    )
    for path in paths:
        assert layout.seed_of(path) == seed
        assert Path(layout.part_of(path)).name == f"seed{seed}"


@given(NAMES, LINEAGES, SEEDS, st.sampled_from(["csr/train.parquet", "README.md"]))
def test_what_a_file_is_replaced_with_is_the_folder_of_its_run_seed(scale, lineage, seed, file):
    where = Layout(scale)
    folder = layout.part_of(where.dataset(file, lineage=lineage, seed=seed))
    assert where.dataset(file, lineage=lineage, seed=seed) == f"{folder}/{file}"
    measured = where.attention(lineage=lineage, seed=seed)
    assert layout.part_of(measured) == measured  # a file by itself
    known = {"lineage": lineage, "split": "test"}
    one, other = (where.predictions(f"{name}.tsv", seed=seed, **known) for name in ("A", "B"))
    assert layout.part_of(one) == layout.part_of(other) == str(Path(one).parent)
    without = where.predictions("A.tsv", seed=None, **known)
    assert layout.part_of(without) == str(Path(without).parent)


@given(NAMES, st.sampled_from(["main", "figure_attention", "bench", "seed3"]), st.booleans(), st.data())
def test_what_compares_run_seeds_belongs_to_none(scale, target, is_apart, data):
    seeds = data.draw(st.lists(SEEDS, min_size=1, max_size=3, unique=True)) if is_apart else []
    where = Layout(scale, layout.apart(seeds, []) if is_apart else "")
    path = where.table(target, data.draw(st.sampled_from([target, "scores"])))
    assert layout.seed_of(path) is None
    assert layout.part_of(path) == str(Path(path).parent)
    assert layout.is_of_target(path)
    assert layout.seeds_apart(Path(path).parent.name) == tuple(seeds)
    assert where.once(target, "scores.csv") == f"results/{scale}/{target}/scores.csv"


@given(
    st.lists(SEEDS, min_size=1, max_size=5, unique=True),
    st.lists(SEEDS, min_size=1, max_size=5, unique=True),
    st.sampled_from(["main", "mix-2", "seed", "x-seed", "images"]),
)
def test_seeds_of_tables_that_lie_apart_are_read_from_their_folder(seeds, declared, target):
    behind = layout.apart(seeds, declared)
    assert layout.seeds_apart(f"{target}{behind}") == (() if seeds == declared else tuple(seeds))
    assert layout.apart(declared, declared) == ""


@given(NAMES, LINEAGES, SEEDS, st.sampled_from(["train", "evaluate/test", "v1.5", "a.tsv"]))
def test_a_measurement_says_the_place_of_its_log(scale, lineage, seed, name):
    where = Layout(scale)
    for place in (name, f"{lineage}/seed{seed}/{name}"):
        assert where.place_of_timing(where.timing(place)) == place


@pytest.mark.parametrize(
    ("read", "path"),
    [
        (layout.run_of, "train.csv"),
        (layout.run_of, "results/micro/main/main.csv"),
        (layout.run_of, "results/micro/metrics/base.csr/train.csv"),
        (layout.run_of, "results/seed0/main/main.csv"),
        (layout.step_of, "data/micro/synthesis/base/captions/shard0.parquet"),
        (layout.step_of, "captions/seed0/shard0.parquet"),
        (layout.answers_of, ""),
        (layout.answers_of, "A.tsv"),
        (layout.answers_of, "results/micro/predictions"),
        (layout.answers_of, "results/micro/predictions/A.tsv"),
        (layout.answers_of, "results/micro/predictions/test/A.tsv"),
        (layout.answers_of, "results/micro/predictions/test/base.csr/other/A.tsv"),
        (layout.answers_of, "results/micro/predictions/test/seed0/base.csr/A.tsv"),
        (layout.answers_of, "results/micro/predictions/test/base.csr/seed0/more/A.tsv"),
        (layout.answers_of, "results/micro/metrics/test/base.csr/seed0/A.tsv"),
        (layout.answers_of, "data/micro/predictions/test/base.csr/seed0/A.tsv"),
        (layout.answers_of, "/work/results/micro/predictions/test/base.csr/seed0/A.tsv"),
    ],
)
def test_a_path_of_another_form_is_refused_by_its_name(read, path):
    with pytest.raises(ValueError, match=rf"^{re.escape(path)}: not "):
        read(path)


def test_without_values_paths_have_the_wildcards_of_rules():
    where = Layout("micro")
    assert where.metrics("train.csv") == "results/micro/metrics/{lineage}/seed{seed}/train.csv"
    assert where.predictions() == "results/micro/predictions/{split}/{lineage}/seed{seed}/{name}.tsv"
    assert where.synthesis("edits") == "data/micro/synthesis/{lineage}/edits/seed{seed}/shard{shard}.parquet"
    assert where.images() == "data/micro/images/seed{seed}/shard{shard}.parquet"


# What one module spells.

AREAS = (layout.DATA, layout.MODELS, layout.RESULTS, layout.WORK, "benchmarks", "logs")
SPELLED = re.compile(rf"^(?:{'|'.join(AREAS)})/|/seed$|\bseed\{{")
# Strings that look like one, and what they are.
OTHERS = {
    ("src/viper/workflow/declaration.py", "seed{seed}"),  # a folder of logs and measurements
    ("src/viper/provenance/figures.py", "work/figures"),  # what was drawn last, to look at; no rule makes it
}


def modules():
    return [
        path.relative_to(ROOT).as_posix()
        for folder in ("src/viper", "src/microworld", "src/snakemake_logger_plugin_viper")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if path.name != "layout.py" or path.parent.name != "viper"
    ]


def strings(source):
    """The strings of Python code; of an f-string the text up to each field. No docstrings: they tell, and make none."""
    tree = ast.parse(source)
    told = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
            yield node.value


@pytest.mark.parametrize("module", modules())
def test_no_other_module_spells_a_path(module):
    found = {text for text in strings((ROOT / module).read_text(encoding="utf-8")) if SPELLED.search(text)}
    assert found - {text for where, text in OTHERS if where == module} == set()


@pytest.mark.parametrize("area", [layout.DATA, layout.MODELS, layout.RESULTS, layout.WORK])
def test_no_module_joins_a_path_from_its_area_on(area):
    """Not piece by piece either: Path("results") / scale."""
    joined = re.compile(rf"""["']{area}["']\)* /""")
    assert [module for module in modules() if joined.search((ROOT / module).read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize("file", sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("rules/**/*.smk")))
def test_no_rule_spells_a_path(file):
    lines = [line.partition("#")[0] for line in (ROOT / file).read_text(encoding="utf-8").splitlines()]
    texts = re.findall(r"""["']([^"']*)["']""", "\n".join(lines))
    assert [text for text in texts if SPELLED.search(text)] == []


def test_what_is_looked_for_would_be_found():
    code = 'f("data/micro")\na = f"results/{scale}/x"\nb = f"{folder}/seed{seed}/train.csv"\n"results/of a docstring"\n'
    assert {text for text in strings(code) if SPELLED.search(text)} == {"results/", "/seed", "data/micro"}
    assert SPELLED.search("x/seed{seed}/y")
    assert not SPELLED.search("metadata/x seeds")


@pytest.mark.parametrize(
    "folder", ["main-seed0-0", "main-seeds1", "old-seed99999999999", "x-seed", "-seeds-1", "seed3"]
)
def test_a_folder_that_no_run_would_be_given_has_no_seeds(folder):
    assert layout.seeds_apart(folder) == ()


def test_a_manifest_has_one_name():
    assert layout.MANIFEST == MANIFEST
