"""How far back making a file again goes."""

import pytest

from viper.provenance.rebuild import Plan, Start, plan
from viper.workflow.graph import Graph, Job

FIGURE, TABLE, ANSWERS = "results/toy/main/main.png", "results/toy/main/main.csv", "results/toy/predictions/a.tsv"
TRAINED, BASE = "models/toy/base.csr/seed0/manifest.json", "models/toy/pretrained/vlm/manifest.json"
BENCHMARK, DATA = "data/toy/benchmarks/a.tsv", "data/toy/dataset/base/seed0/csr/train.parquet"
JOBS = [
    ("figure_main", [TABLE], [FIGURE]),
    ("tables", [ANSWERS], [TABLE]),
    ("evaluate", [TRAINED, BENCHMARK], [ANSWERS]),
    ("make_benchmark", [], [BENCHMARK]),
    ("train", [BASE, DATA], [TRAINED]),
    ("assemble", [], [DATA]),
    ("fetch_pretrained", ["models/toy/pretrained.dvc"], [BASE]),
]
GRAPH = Graph(tuple(Job(rule, "x.smk", tuple(inputs), tuple(outputs)) for rule, inputs, outputs in JOBS), {})


@pytest.mark.parametrize(
    ("start", "rules", "given"),
    [
        (Start.DATA, ("figure_main",), (TABLE,)),
        (Start.PREDICTIONS, ("figure_main", "tables"), (ANSWERS,)),
        (Start.CHECKPOINTS, ("evaluate", "figure_main", "make_benchmark", "tables"), (TRAINED,)),
        (Start.SCRATCH, ("assemble", "evaluate", "figure_main", "make_benchmark", "tables", "train"), (BASE,)),
    ],
)
def test_starts(start, rules, given):
    assert plan(GRAPH, [FIGURE], start) == Plan(rules, given)


def test_a_rule_that_runs_makes_all_its_files():
    second = "results/toy/predictions/b.tsv"
    jobs = (*GRAPH.jobs, Job("evaluate", "x.smk", (), (second,)), Job("both", "x.smk", (ANSWERS,), (second + "x",)))
    found = plan(Graph(jobs, {}), [second, second + "x"], Start.DATA)
    assert found.rules == ("both", "evaluate")
    assert ANSWERS not in found.given
