"""`extends`: what is merged, what is replaced, what is refused."""

from pathlib import Path

import pytest

from viper.config.inheritance import origins, resolve
from viper.config.loading import read, validate
from viper.errors import ViperError

PARAMS = Path(__file__).parents[2] / "params.yaml"


@pytest.mark.parametrize(
    ("values", "resolved"),
    [
        ({"a": {"x": 1, "y": 2}, "b": {"extends": "a", "y": 3}}, {"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 3}}),
        ({"b": {"extends": "a"}, "a": {"x": {"y": [1, 2]}}}, {"b": {"x": {"y": [1, 2]}}, "a": {"x": {"y": [1, 2]}}}),
        # lists and null replace
        (
            {"a": {"x": [1, 2], "z": {"k": 1}}, "b": {"extends": "a", "x": [3], "z": None}},
            {"a": {"x": [1, 2], "z": {"k": 1}}, "b": {"x": [3], "z": None}},
        ),
        # over two steps, deeply
        (
            {"a": {"s": {"x": 1, "y": 1}}, "b": {"extends": "a", "s": {"y": 2}}, "c": {"extends": "b", "s": {"z": 3}}},
            {"a": {"s": {"x": 1, "y": 1}}, "b": {"s": {"x": 1, "y": 2}}, "c": {"s": {"x": 1, "y": 2, "z": 3}}},
        ),
        # a neighbour is the one of the section that inherits
        (
            {"m": {"csr": {"n": 1}, "vop": {"extends": "csr", "d": 2}}, "s": {"extends": "m", "csr": {"n": 9}}},
            {"m": {"csr": {"n": 1}, "vop": {"n": 1, "d": 2}}, "s": {"csr": {"n": 9}, "vop": {"n": 9, "d": 2}}},
        ),
        # null ends what a scale takes over
        (
            {"m": {"a": {"x": 1}, "b": {"extends": "a"}}, "s": {"extends": "m", "b": {"extends": None, "y": 2}}},
            {"m": {"a": {"x": 1}, "b": {"x": 1}}, "s": {"a": {"x": 1}, "b": {"y": 2}}},
        ),
        # full keys and numbers
        (
            {"a": {"l": [{"x": 1}, {"extends": 0, "y": 2}]}, "b": {"c": {"extends": "a.l.1"}}},
            {"a": {"l": [{"x": 1}, {"x": 1, "y": 2}]}, "b": {"c": {"x": 1, "y": 2}}},
        ),
    ],
)
def test_sections_are_merged_and_the_rest_replaced(values, resolved):
    assert resolve(values) == resolved
    assert resolve(resolve(values)) == resolved


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"a": {"extends": "a"}}, r"a\.extends = 'a': a section cannot extend itself"),
        ({"a": {"extends": "b"}, "b": {"extends": "a"}}, r"a section cannot extend itself: a → b → a"),
        ({"a": {"extends": "b"}, "b": {"extends": "c"}, "c": {"extends": "b"}}, "cannot extend itself: b → c → b"),
        ({"a": {"b": {"extends": "a.c"}, "c": {"d": {"extends": "a.b.d"}}}}, "cannot extend itself"),
        ({"s": {"a": {"x": {"extends": "s.a"}}}}, r"s\.a\.x\.extends = 's\.a': .* what holds it"),
        ({"s": {"a": {"b": {"extends": "s.c"}}, "c": {"d": {"extends": "s.a"}}}}, "extends"),
        ({"a": {"extends": "z"}, "b": {}}, r"a\.extends = 'z': there is no z; beside it are: b"),
        ({"a": {"extends": "b"}, "b": 3}, "b is no section"),
        ({"a": {"extends": "b"}, "b": None}, "b is no section"),
        ({"a": {"extends": ["b"]}, "b": {}}, "give the name of one section"),
        ({"a": {"extends": True}}, "give the name of one section"),
        ({"extends": "a", "a": {}}, "the file as a whole extends nothing"),
        ({"a": [{"extends": 1}]}, r"a\.0\.extends = 1: there is no a\.1"),
        ({"a": {1: 2}}, "a key must be text"),
        ({"a": {"extends": ".".join("a" * 5000)}}, "nothing lies so deep"),
    ],
)
def test_circles_and_unknown_names_are_refused(values, message):
    with pytest.raises(ViperError, match=message):
        resolve(values)


def test_what_a_key_is_made_of():
    values = read(PARAMS)
    shared, micro = {"scales.micro.extends", "scales.params.training"}, "scales.micro.training"
    assert origins(values, "scales.micro.training") == {micro, *shared}
    assert origins(values, "scales.smoke.training") == {"scales.smoke.extends", "scales.smoke.training", micro, *shared}
    inherited = {"scales.3b.extends", "scales.params.experiments.ablation_sft"}
    assert origins(values, "scales.3b.experiments.ablation_sft") == inherited
    assert origins(values, "scales.micro.training.phases.vop") == {
        "scales.micro.extends",
        "scales.params.training.phases.vop",
        *(f"{where}.training.phases.csr" for where in ("scales.params", "scales.micro")),
    }
    assert origins(values, "scales.micro.models.no_such_key") == {"scales.micro.extends", "scales.micro.models"}


def test_null_leaves_an_experiment_out():
    values = read(PARAMS)
    values["scales"]["smoke"]["experiments"] = {"ablation_sft": None, "mine": ["base"]}
    experiments = validate(values).scales["smoke"].experiments
    assert "ablation_sft" not in experiments
    assert {"main", "mine", "ablation_stages"} <= set(experiments)
