"""Every whole number of the schema has an upper bound, and what a pipeline is given is of the kind that it takes."""

import copy
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from viper.config.base import LARGEST
from viper.config.inheritance import resolve
from viper.config.loading import load, read, validate
from viper.config.models import ARGUMENTS, PipelineSection
from viper.config.schema import Params
from viper.config.synthesis import EditSection
from viper.errors import ViperError

PARAMS = Path(__file__).parents[2] / "params.yaml"


def integers(node, place=""):
    """Every part of a JSON schema that says `integer`, with where it stands."""
    if isinstance(node, dict):
        if node.get("type") == "integer":
            yield place, node
        for key, value in node.items():
            yield from integers(value, f"{place}/{key}")
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from integers(value, f"{place}/{number}")


def leaves(values, place=()):
    """The dotted keys of all whole numbers in a mapping."""
    if isinstance(values, dict):
        for key, value in values.items():
            yield from leaves(value, (*place, key))
    elif isinstance(values, int) and not isinstance(values, bool):
        yield ".".join(place)


SCHEMA = dict(integers(Params.model_json_schema()))
LEAVES = {scale: sorted(leaves(resolve(read(PARAMS))["scales"][scale])) for scale in ("micro", "3b")}


def test_the_schema_has_numbers():
    assert len(SCHEMA) > 40
    assert min(map(len, LEAVES.values())) > 40


@pytest.mark.parametrize("place", SCHEMA)
def test_every_whole_number_of_the_schema_has_a_sane_upper_bound(place):
    most = SCHEMA[place]["maximum"]
    assert most < 10**9 or (most == LARGEST and SCHEMA[place]["minimum"] == 0 and "seed" in place.lower())


@given(st.sampled_from([(scale, key) for scale, keys in LEAVES.items() for key in keys]), st.integers(10**9, 10**30))
def test_every_number_of_a_scale_refuses_what_is_far_too_large_in_one_message(leaf, number):
    scale, key = leaf
    if key.endswith("seed"):
        number += LARGEST
    with pytest.raises(ViperError) as caught:
        load(scale, PARAMS, {key: number})
    (line,) = str(caught.value).splitlines()
    assert key.rpartition(".")[2] in line
    assert str(number) in line


@given(
    st.sampled_from(ARGUMENTS), st.sampled_from([5, -5, 0.5, "5", True, [5], ["a"], [True], {"a": 1}, 10**10, {}, []])
)
def test_an_argument_of_a_pipeline_is_of_one_kind_only(name, value):
    kinds = {int: 0, float: 0, str: 0, bool: 0, list: 0, dict: 0}
    for each in (8, 0.5, "text", True, [1, 2], {"a": 1}):
        try:
            PipelineSection(path="x", arguments={name: each})
            kinds[type(each)] += 1
        except ValidationError as error:
            assert f"arguments.{name} {each!r}: must be " in str(error)  # noqa: PT017
    accepted = {kind for kind, count in kinds.items() if count}
    assert accepted in ({int}, {int, float}, {str}, {bool}, {list}, {dict})
    if type(value) not in accepted or value in (10**10, -5, ["a"], [True]):
        with pytest.raises(ValidationError, match="must be "):
            PipelineSection(path="x", arguments={name: value})


@given(st.floats(0, 1), st.floats(0.001, 1))
def test_an_edit_can_count(least, most):
    if least <= most:
        assert EditSection(one_by_one=True, min_change=least, max_change=most)
    else:
        with pytest.raises(ValidationError, match="every edit would count as failed"):
            EditSection(one_by_one=True, min_change=least, max_change=most)


def broken(*changes):
    """What is said of the scales with changes: (keys, value), or no value for a key that is taken out."""
    values = copy.deepcopy(read(PARAMS))
    for keys, *value in changes:
        *above, last = keys.split(".")
        section = values["scales"]
        for key in above:
            section = section[key]
        if value:
            section[last] = value[0]
        else:
            section.pop(last)
    with pytest.raises(ViperError) as caught:
        validate(values)
    return str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        # taken over by vop, mix and smoke; by smoke; by 7b
        (
            [("micro.training.phases.csr.rollouts", 1)],
            "scales/micro.yaml: training.phases.csr.rollouts = 1: Input should be",
        ),
        ([("micro.training.phases.csr.nosuch", 1)], "scales/micro.yaml: training.phases.csr.nosuch = 1: unknown key"),
        ([("micro.analysis.margin", "a")], "scales/micro.yaml: analysis.margin = 'a': Input should be a valid number"),
        (
            [("micro.synthesis.caption.max_new_tokens",)],
            "scales/micro.yaml: synthesis.caption.max_new_tokens: is missing",
        ),
        ([("3b.seeds",)], "scales/3b.yaml, params.yaml: seeds: is missing"),
        (
            [("3b.training.phases.csr.prompts_per_step", 7)],
            "scales/3b.yaml, params.yaml: training: phases.csr: prompts_per_step 7",
        ),
        (
            [("3b.synthesis.edit.min_change", 0.9)],
            "scales/3b.yaml, params.yaml: synthesis.edit: min_change 0.9 exceeds max_change 0.25",
        ),
        # of all scales
        ([("params.analysis.margin", "a")], "params.yaml: analysis.margin = 'a': Input should be a valid number"),
        ([("params.nosuch", 1)], "params.yaml: nosuch = 1: unknown key"),
        (
            [("params.reward.weight_format", 0.2)],
            "scales/3b.yaml, scales/micro.yaml, params.yaml: reward: weight_format",
        ),
        ([("params.analysis.margin",)], "scales/3b.yaml, scales/micro.yaml, params.yaml: analysis.margin: is missing"),
        # in a file of its own
        ([("micro.pretraining.checker.steps", 0)], "scales/micro-pretraining.yaml: checker.steps = 0: Input should be"),
        # an heir's own
        ([("smoke.analysis.resamples", 1)], "scales/smoke.yaml: analysis.resamples = 1: Input should be"),
        (
            [("smoke.evaluation.benchmarks", {})],
            "scales/smoke.yaml: evaluation.benchmarks = {}: an empty section changes",
        ),
        (
            [("micro.evaluation.benchmarks", {})],
            "scales/micro.yaml: evaluation.benchmarks: must hold at least 1, not 0",
        ),
        # of several kinds
        (
            [("smoke.training.phases.csr.steps", "x")],
            "scales/smoke.yaml: training.phases.csr.steps = 'x': Input should be",
        ),
        (
            [("smoke.training.phases.csr.steps", ["csr", 5])],
            "scales/smoke.yaml: training.phases.csr.steps.1 = 5: Input",
        ),
        ([("micro.reward.tau", "x")], "scales/micro.yaml: reward.tau = 'x': Input should be"),
        ([("micro.reward.tau", 7)], "scales/micro.yaml: reward.tau = 7: Input should be"),
        (
            [("3b.training.phases.csr.lora", {"targets": 5})],
            "scales/3b.yaml: training.phases.csr.lora.targets = 5: Input",
        ),
        (
            [("3b.training.phases.csr.lora", {"targets": [5]})],
            "scales/3b.yaml: training.phases.csr.lora.targets.0 = 5: ",
        ),
        (
            [("micro.evaluation.benchmarks.Foo", "x")],
            "scales/micro.yaml: evaluation.benchmarks.Foo = 'Foo': Input should be",
        ),
    ],
)
def test_one_mistake_is_one_message_where_it_is_written(changes, message):
    said = broken(*changes)
    assert said.startswith(message)
    assert "\n" not in said
    assert not re.search(r"constrained|literal|\[key\]|list\[|\.(int|str|float|grpo|sft)\b", said.partition(" = ")[0])


def test_two_mistakes_are_two_messages():
    said = broken(("micro.analysis.margin", "a"), ("smoke.analysis.resamples", 1))
    assert len(said.splitlines()) == 2


@given(st.sampled_from(LEAVES["micro"]), st.sampled_from(["text", [], -1]))
def test_no_mistake_is_repeated_for_what_takes_it_over(key, value):
    values = read(PARAMS)
    *above, last = key.split(".")
    section = values["scales"]["micro"]
    for part in above:
        section = section.setdefault(part, {})
        if not isinstance(section, dict):
            return
    section[last] = value
    with pytest.raises(ViperError) as caught:
        validate(values)
    lines = str(caught.value).splitlines()
    assert len([line for line in lines if f"{value!r}: " in line]) <= 1
