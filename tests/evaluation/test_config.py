"""The section `evaluation` of params.yaml."""

import json

import pytest
from pydantic import ValidationError

from viper.config.evaluation import Evaluation
from viper.config.models import VlmSection

WORLD = {
    "source": "world",
    "benchmarks": {"MMStar": "MicroStar"},
    "splits": {"dev": {"seed": 1, "size": 8, "pictures": "dev"}, "mine": {"seed": 99, "size": 40}},
    "asking": {"max_new_tokens": 8},
}
OFFICIAL = {
    **WORLD, "source": "official", "folder": "LMUData", "benchmarks": {"BLINK": "BLINK"}, "splits": {"test": {}}
}  # fmt: skip


def test_a_split_of_any_seed_and_size_can_be_added():
    assert json.loads(Evaluation(**WORLD).benchmark_options("mine"))["split"] == {
        "seed": 99,
        "size": 40,
        "pictures": "test",
    }


def test_another_splits_size_does_not_change_what_a_split_depends_on():
    other = {**WORLD, "splits": {**WORLD["splits"], "dev": {"seed": 2, "size": 16}}}
    vlm = VlmSection(path="x")
    for method in (lambda e: e.benchmark_options("mine"), lambda e: e.evaluate_options("mine", vlm, "base")):
        assert method(Evaluation(**WORLD)) == method(Evaluation(**other))


def test_a_control_is_its_lineage_asked_otherwise():
    section = Evaluation(**{**WORLD, "controls": {"look": "<think> Look"}})
    begins = [
        json.loads(section.evaluate_options("mine", VlmSection(path="x"), name))["asking"]["begin"]
        for name in ("base", "base+look")
    ]
    assert begins == ["", "<think> Look"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({**WORLD, "benchmarks": {"MMStar": "MMStar"}}, "not among those of source 'world'"),
        ({**OFFICIAL, "benchmarks": {"BLINK": "MicroBlink"}}, "not among those of source 'official'"),
        ({**WORLD, "folder": "LMUData"}, "does not go with source 'world'"),
        ({**OFFICIAL, "folder": None}, "does not go with source 'official'"),
        ({**WORLD, "splits": {"test": {"seed": 1}}}, "splits.test.size is missing"),
        ({**WORLD, "benchmarks": {"MMVP": "MicroStar"}}, "MMVP"),
    ],
)
def test_impossible_combinations_are_refused(values, message):
    with pytest.raises(ValidationError, match=message):
        Evaluation(**values)
