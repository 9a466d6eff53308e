"""Whatever stands in the place of a parameter: it is accepted, or there is one message. Nonsense is not accepted."""

import contextlib
import copy
import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viper.config.inheritance import resolve
from viper.config.loading import changes, read, read_run, validate
from viper.errors import ViperError

VALUES = resolve(read())
NONSENSE = [
    True,
    False,
    None,
    math.inf,
    -math.inf,
    math.nan,
    -1,
    0,
    1,
    1.5,
    1e30,
    10**30,
    10**5000,
    "",
    "x",
    "{a}",
    "a\0b",
    "\ud800",
    "ü 漢",
    "../..",
    "null",
    [],
    [None],
    [[1]],
    {},
    {"a": 1},
    {"extends": "csr"},
    {"": {}},
    {1: 2},
    b"x",
]


def leaves(value, path=()):
    """The path of every value, sections and lists included."""
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from leaves(inner, (*path, key))


def corrupted(path, value, scale="smoke"):
    values = {"scale": scale, "scales": {scale: copy.deepcopy(VALUES["scales"][scale])}}
    section = values["scales"][scale]
    for key in path[:-1]:
        section = section[key]
    section[path[-1]] = value
    return values


@pytest.mark.parametrize(("scale", "tried"), [("smoke", 4), ("micro", 2), ("3b", 3)])
def test_every_leaf_takes_a_value_or_refuses_it_in_a_message(scale, tried):
    """Each leaf meets so many of the values in turn, each value leaves of every section."""
    turns = itertools.cycle(NONSENSE)
    for path in leaves(VALUES["scales"][scale]):
        for value in itertools.islice(turns, tried):
            with contextlib.suppress(ViperError):  # any other exception fails
                validate(corrupted(path, value, scale)).scales[scale].model_dump_json()
        next(turns)  # so that the next turn does not meet the same


PATHS = list(leaves(VALUES["scales"]["smoke"]))
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(PATHS), ANYTHING)
def test_anything_in_any_place_is_a_value_or_a_message(path, value):
    with contextlib.suppress(ViperError):  # any other exception fails
        validate(corrupted(path, value)).scales["smoke"].model_dump_json()


def _at(path):
    value = VALUES["scales"]["smoke"]
    for key in path:
        value = value[key]
    return value


NUMBERS = [path for path in PATHS if isinstance(_at(path), int | float) and not isinstance(_at(path), bool)]


@pytest.mark.parametrize("value", [True, math.inf, -math.inf, math.nan, 1e30, 10**30, -1, "x", "1", [1], {}])
def test_no_number_is_replaced_by_nonsense(value):
    accepted = []
    for path in NUMBERS:
        try:
            validate(corrupted(path, value))
        except ViperError:
            continue
        accepted.append(".".join(map(str, path)))
    assert accepted == []


GRPO = "training.phases.csr"
REFUSED = {
    f"{GRPO}.learning_rate": 2.0,
    f"{GRPO}.temperature": math.inf,
    f"{GRPO}.epsilon_high": math.inf,
    f"{GRPO}.beta": math.nan,
    f"{GRPO}.weight_decay": math.inf,
    f"{GRPO}.max_grad_norm": math.inf,
    f"{GRPO}.warmup_steps": 4,
    f"{GRPO}.rollouts": True,
    "analysis.margin": math.inf,
    "analysis.seed": 2**32,
    "evaluation.splits.test.seed": 2**32,
    "synthesis.csr_size": 1e30,
    "synthesis.vop_held_out": 48,
    "models.vlm.processor": {"min_pixels": -1},
    "models.painter.arguments": {"num_inference_steps": -1},
    "models.editor.arguments": {"guidance_scale": "high"},
    "evaluation.splits.test": {"seed": 1001, "size": 12, "pictures": "dev"},
    "images": {"source": "folder", "paths": ["{a}/*.jpg"], "number": 48},
    "images.number": 2**32,
    "images.shards": 20_000,
    "seeds": list(range(1001)),
    "reward.embedder.device": "gpu",
    "models.vlm.path": "a" * 256,
    "training.cold_start.source": "a/" * 1001,
    f"{GRPO}.prompts_per_step": 2**31,
    f"{GRPO}.responses_per_pass": 2**31 - 1,
    "experiments": {"main": ["base"], "a" * 65: ["base"]},
}
REFUSED_TOO = [
    ("seeds", [2**32]),
    ("experiments", {"main": ["base", "base" + ".csr" * 50]}),
    ("models.vlm.processor", {"min_pixels": 9, "max_pixels": 8}),
    ("models.vlm.processor", {"min_pixel": 9}),
    ("models.painter.arguments", {"height": 0}),
    ("models.painter.arguments", {"height": 63}),
    ("models.painter.arguments", {"num_inferense_steps": 3}),
    ("models.painter.arguments", {"num_inference_steps": True}),
    ("models.painter.arguments", {"guidance_scale": math.nan}),
]


@pytest.mark.parametrize(("key", "value"), [*REFUSED.items(), *REFUSED_TOO])
def test_nonsense_is_refused_with_its_key(key, value):
    with pytest.raises(ViperError, match=key.rpartition(".")[2]):
        validate(corrupted(tuple(key.split(".")), value))


def test_what_fits_a_large_batch_is_found_at_once():
    """A list of a million numbers to try would be no plan within a second; the message names what divides it."""
    values = corrupted(
        ("training", "phases", "csr"), {**_at(("training", "phases", "csr")), "prompts_per_step": 999_999}
    )
    values["scales"]["smoke"]["training"]["phases"]["csr"] |= {"rollouts": 10_000, "responses_per_pass": 17}
    with pytest.raises(ViperError, match=r"set responses_per_pass to one of 1, 2, 3, .*9999990000$"):
        validate(values)


def test_fewer_rows_only_where_they_are_allowed():
    values = corrupted(("synthesis", "csr_size"), 500)
    validate(values)
    values["scales"]["smoke"]["synthesis"]["allow_fewer"] = False
    with pytest.raises(ViperError, match=r"synthesis\.csr_size 500: images\.number 48 less"):
        validate(values)


def test_assignments_of_the_command_line_keep_their_types(tmp_path):
    other = tmp_path / "other.yaml"
    other.write_text("scales: {smoke: {analysis: {seed: 4, resamples: 300}}}\n")
    assignments = [
        "scale=smoke",
        "scales={smoke: {seeds: [3], analysis: {resamples: 400}, models: {checker: null}}}",
    ]
    params = read_run(assignments, [other])
    assert changes(assignments, [other])["scales"]["smoke"] == {
        "seeds": [3],
        "analysis": {"seed": 4, "resamples": 400},
        "models": {"checker": None},
    }
    scale = params.scales[params.scale]
    assert (scale.seeds, scale.analysis.seed, scale.analysis.resamples) == ([3], 4, 400)
    assert scale.models.checker is None


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("scale", "write KEY=VALUE"),
        ("scale=", "scale = None"),
        ("scale=5", "scale = 5"),
        ("scales=[", "--config scales, line"),
        ("scales.smoke.images.number=3", "unknown key"),
        ("__use_yte__=true", "refused"),
        ("scales={__use_yte__: true}", "refused"),
        ("scales=3", "scales = 3"),
        ("scales={smoke: !!python/none x}", "tag"),
    ],
)
def test_a_wrong_assignment_is_one_message(assignment, message):
    with pytest.raises(ViperError, match=message):
        read_run([assignment])
