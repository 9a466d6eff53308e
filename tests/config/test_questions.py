"""What an open question may not ask, at the scale that asks all of them; and that one may be left out of any scale."""

import json

import pytest

from viper.config.loading import load, read_run
from viper.errors import ViperError

LOOK = "base~brief28.csr+look"
REFUSED = [
    ({"skills": {"lineages": ["base+look"]}}, "nothing is trained"),
    ({"diffusion_errors": {"lineages": ["base"]}}, "nothing is trained"),
    ({"needle": {"lineages": ["base", "base.csr", "base+look"]}}, "one text for all"),
    ({"objectives": {"curves": ["base~brief28.sft"]}}, "without a reward"),
    ({"ablation_labels": {"contests": {"truth": {"better": "base~truth.csr+look", "worse": LOOK}}}}, "about vop"),
    ({"painter_fidelity": {"lineages": ["base.csr", "base~brief.csr.vop"]}}, "name the base there"),
]


@pytest.mark.parametrize(("asked", "message"), REFUSED, ids=lambda value: next(iter(value)) if value else "")
def test_what_has_no_answer_stops_before_anything_is_trained(asked, message):
    with pytest.raises(ViperError, match=message):
        read_run(["scale=micro", f"scales={json.dumps({'micro': {'open_questions': asked}})}"])


def test_attention_is_asked_of_no_control():
    with pytest.raises(ViperError, match="figure_attention"):
        read_run(["scale=micro", 'scales={micro: {experiments: {figure_attention: [base, "base+look"]}}}'])


@pytest.mark.parametrize("question", load("micro").questions)
def test_every_question_may_be_left_out_though_another_scale_extends_this_one(question):
    params = read_run(["scale=micro", f"scales={{micro: {{open_questions: {{{question}: null}}}}}}"])
    assert question not in params.scales["micro"].questions
    assert params.scales["smoke"] == load("smoke"), "a scale that is not run is as its file has it"


def test_what_a_scale_that_is_run_takes_over_follows():
    params = read_run(["scale=smoke", "scales={micro: {analysis: {seed: 77}}}"])
    assert params.scales["smoke"].analysis.seed == params.scales["micro"].analysis.seed == 77
