"""From Snakemake's reasons to words."""

import json

import pytest

from viper.cost.why import causes, duration
from viper.workflow.graph import Job
from viper.workflow.source import edited, fingerprint, is_fingerprint

CODE = "caption-images:0123456789 viper/models/vlm.py:aaaaaaaaaa viper/prompts/micro/caption.jinja:bbbbbbbbbb"
OPTIONS = {"models": {"vlm": {"batch_size": 8}}, "synthesis": {"caption": {"temperature": 0.7}}}
NOTHING = {"missing": [], "again": False, "inputs": [], "made": [], "inputs_set": False, "params": ([], []),
           "shell": False, "environment": False}  # fmt: skip


def why(has=None, **reason):
    """The causes for a job whose rule has these parameters now."""
    job = Job("caption_images", "rules/synthesis.smk", ("in",), ("out",), params=has or {})
    return causes(job, NOTHING | reason, {"in": "draw_images"})


def noted(*values):
    """As Snakemake notes parameters."""
    return sorted(map(repr, values))


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ({"missing": ["out"]}, ["missing"]),
        ({"again": True}, ["broken off"]),
        ({"inputs": ["a", "b", "c", "d", "e"]}, ["input a", "input b", "input c", "input 2 more"]),
        ({"made": ["in"]}, ["after draw_images"]),
        ({"made": ["in"], "missing": ["out"]}, ["missing"]),
        ({"made": ["in"], "inputs_set": True}, ["other input files"]),
        ({"inputs_set": True}, ["other input files"]),
        ({"shell": True, "environment": True}, ["command line of the rule", "software environment"]),
    ],
)
def test_causes_beside_parameters(reason, said):
    assert why(**reason) == said


def test_a_parameter_is_named_with_both_values():
    now = json.loads(json.dumps(OPTIONS))
    now["synthesis"]["caption"]["temperature"] = 0.9
    now["models"]["vlm"]["attention"] = "eager"
    params = noted(json.dumps(OPTIONS)), noted(json.dumps(now))
    assert why(params=params) == [
        'models.vlm.attention nothing → "eager"',
        "synthesis.caption.temperature 0.7 → 0.9",
    ]


def test_files_and_prompts_are_named():
    now = CODE.replace("bbbbbbbbbb", "cccccccccc").replace("viper/models/vlm.py:aaaaaaaaaa", "viper/new.py:aaaaaaaaaa")
    now = now.replace("0123456789", "0123456780")
    said = [
        "code of the command caption-images",
        "code viper/models/vlm.py",
        "prompt micro/caption",
        "code viper/new.py",
    ]
    assert why(params=(noted(CODE), noted(now))) == said


def test_other_parameters_are_named_by_the_rule():
    assert why({"folder": "b"}, params=(noted("a"), noted("b"))) == ["parameter folder of the rule"]
    assert why({"folder": "b"}, params=(noted("a"), [])) == ["parameters of the rule"]


def test_real_fingerprints_are_told_from_other_parameters():
    first, second = (fingerprint("caption-images", frozenset({name})) for name in ("micro", "paper"))
    assert is_fingerprint(first)
    assert not any(map(is_fingerprint, ("", "a:b", json.dumps(OPTIONS), "data/smoke/seed0", "x:0123456789 y")))
    assert edited(first, second) == ["viper/prompts/micro/caption.jinja", "viper/prompts/paper/caption.jinja"]
    assert edited(first, first) == []


@pytest.mark.parametrize(
    ("hours", "said"), [(0, "0"), (12 / 3600, "12 s"), (5 / 60, "5 min"), (2.5, "2.5 h"), (1234, "1,234 h")]
)
def test_times_are_told_in_the_unit_that_fits(hours, said):
    assert duration(hours) == said
