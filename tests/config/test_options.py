"""What a rule names reaches its command as it is in the scale, and nothing else does."""

import json

import pytest

from viper.config import load
from viper.config.options import read_options, to_json
from viper.errors import ViperError

EVERYTHING = ("models", "images", "synthesis", "reward", "training", "evaluation", "analysis")


@pytest.fixture(params=["smoke", "micro", "3b", "7b"])
def scale(request):
    return load(request.param)


def without_jobs(section):
    """A section as it is told to a command: what a job asks a cluster for is left at its default."""
    return type(section).model_validate_json(
        section.model_dump_json(exclude={name: {"job"} for name in type(section).model_fields} | {"job": True})
    )


@pytest.mark.parametrize("name", EVERYTHING)
def test_a_whole_section_arrives_as_it_is(scale, name):
    found = read_options(to_json(scale, [name]))
    assert getattr(found, name) == without_jobs(getattr(scale, name))


def test_parts_keep_their_paths_and_types(scale):
    named = [
        "models.vlm",
        "models.vlm.processor",
        "synthesis.caption",
        "synthesis.prompts",
        "seeds",
        "images.shards",
    ]
    found = read_options(to_json(scale, [*named, "training.phases.mix", "training.phases.csr.steps"]))
    assert found.models.vlm == without_jobs(scale.models.vlm)
    assert found.synthesis.caption == scale.synthesis.caption
    assert found.synthesis.prompts == scale.synthesis.prompts
    assert found.seeds == scale.seeds
    assert found.images.shards == scale.images.shards
    assert found.training.phases["mix"] == scale.training.phases["mix"]
    assert found.training.phases["csr"].steps == scale.training.phases["csr"].steps


def test_what_only_a_scheduler_reads_is_left_out(scale):
    assert '"job"' not in to_json(scale, EVERYTHING)


def test_reading_what_was_not_named_is_one_message():
    found = read_options(to_json(load("smoke"), ["synthesis.caption", "training.phases.csr"]))
    for read, name, given in [
        (lambda: found.synthesis.critique, "critique", "caption"),
        (lambda: found.models, "models", "synthesis, training"),
        (lambda: found.training.phases["vop"], "vop", "csr"),
    ]:
        with pytest.raises(ViperError, match=rf"'{name}' is not among the options \({given}\): name its section"):
            read()


@pytest.mark.parametrize(
    ("section", "key"),
    [("synthesis.captoin", "captoin"), ("training.phases.none", "none"), ("models.vlm.path.x", "x"), ("", "")],
)
def test_a_section_that_there_is_not_is_named(section, key):
    with pytest.raises(ViperError, match=f"names the section '{section}', and the scale has no '{key}' there"):
        to_json(load("smoke"), [section])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "--options is no JSON"),
        ("[1]", "must be an object"),
        ('{"models": {"vlm": {"path": "x", "batch": 3}}}', "VlmSection has no key 'batch': did you mean 'batch_size'?"),
        ('{"models": {"vlm": {"path": "x", "batch_size": 0}}}', "models.vlm.batch_size = 0"),
        ('{"synthesis": {"captoin": {}}}', "Synthesis has no key 'captoin': did you mean 'caption'?"),
        ('{"synthesis": {"caption": {"max_new_tokens": 0, "temperature": 0}}}', "synthesis.caption.max_new_tokens = 0"),
        ('{"synthesis": {"vop_share": 2.0}}', "synthesis.vop_share = 2.0"),
        ('{"models": {"vlm": {"device": "tpu"}}}', "models.vlm.device = 'tpu'"),
        ('{"training": {"phases": {"csr": {"steps": 0}}}}', "steps = 0"),
    ],
)
def test_bad_options_are_named(text, message):
    with pytest.raises(ViperError) as error:
        read_options(text)
    assert message in str(error.value)


def test_a_section_without_one_of_its_keys_is_not_filled_with_defaults():
    """A default in place of what the scale says would be a wrong result without a word."""
    analysis = json.loads(to_json(load("micro"), ["analysis"]))["analysis"]
    del analysis["resamples"]
    with pytest.raises(ViperError, match="'resamples' is not among the options"):
        _ = read_options(json.dumps({"analysis": analysis})).analysis.resamples
