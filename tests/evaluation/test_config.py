"""The section `evaluation` of params.yaml."""

import pytest
from pydantic import ValidationError

from viper.config.evaluation import Evaluation, asking_of

WORLD = {
    "source": "world",
    "benchmarks": {"MMStar": "MicroStar"},
    "splits": {"dev": {"seed": 1, "size": 8, "pictures": "dev"}, "mine": {"seed": 99, "size": 40}},
    "asking": {"max_new_tokens": 8},
}
OFFICIAL = {
    **WORLD, "source": "official", "folder": "LMUData", "benchmarks": {"BLINK": "BLINK"}, "splits": {"test": {}}
}  # fmt: skip


def test_a_benchmark_and_its_answers_depend_on_their_own_split_and_control():
    section = Evaluation(**{**WORLD, "controls": {"look": "<think> Look"}})
    asked = ["evaluation.source", "evaluation.folder", "evaluation.asking"]
    assert section.sections_of_benchmark("mine") == [*asked[:2], "evaluation.kinds", "evaluation.splits.mine"]
    assert section.sections_of_answers("mine", "base.csr") == asked, "drawn benchmarks have their size"
    assert section.sections_of_answers("mine", "base+look") == [*asked, "evaluation.controls.look"]
    assert Evaluation(**OFFICIAL).sections_of_answers("test", "base") == [*asked, "evaluation.splits.test.size"]


def test_a_control_is_its_lineage_asked_otherwise():
    section = Evaluation(**{**WORLD, "controls": {"look": "<think> Look"}})
    assert [asking_of(section, name).begin for name in ("base", "base+look")] == ["", "<think> Look"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({**WORLD, "benchmarks": {"MMStar": "MMStar"}}, "not among those of source 'world'"),
        ({**OFFICIAL, "benchmarks": {"BLINK": "MicroBlink"}}, "not among those of source 'official'"),
        ({**WORLD, "folder": "LMUData"}, "does not go with source 'world'"),
        ({**OFFICIAL, "folder": None}, "does not go with source 'official'"),
        ({**WORLD, "splits": {"test": {"seed": 1}}}, "splits.test.size is missing"),
        ({**WORLD, "benchmarks": {"MMVP": "MicroStar"}}, "MMVP"),
        (
            {**WORLD, "admission": {"seed": 0, "items": 50, "least_clear": 85.0, "shifted": [80.0, 40.0]}},
            "put the lower one first",
        ),
    ],
)
def test_impossible_combinations_are_refused(values, message):
    with pytest.raises(ValidationError, match=message):
        Evaluation(**values)
