"""Models named with their commit: where they lie, and what is refused."""

import pytest
from pydantic import TypeAdapter, ValidationError

from viper.config import load
from viper.config.hub import Pinned, cached_folder, fill_paths
from viper.errors import ViperError

COMMIT = "0123456789abcdef" * 2 + "01234567"
SCALE = {
    "models": {
        "source": "hub",
        "cache": "/shared/hub",
        "hub": {"vlm": f"a/b@{COMMIT}", "embedder": f"c/d.e@{COMMIT}"},
        "vlm": {"batch_size": 2},
        "painter": {"path": "mine"},
    },
    "reward": {"embedder": {"batch_size": 3}, "tau": 0.85},
}


def test_named_models_get_their_place_in_the_cache():
    filled = fill_paths(SCALE)
    assert filled["models"]["vlm"] == {"batch_size": 2, "path": f"/shared/hub/models/a/b/{COMMIT}"}
    assert filled["models"]["painter"] == {"path": "mine"}
    assert filled["reward"]["embedder"]["path"] == cached_folder("/shared/hub", f"c/d.e@{COMMIT}")
    assert filled["reward"]["tau"] == 0.85
    assert "path" not in SCALE["models"]["vlm"], "what was given stays as it is"


def test_other_sources_and_malformed_sections_are_left_alone():
    for scale in (None, {}, {"models": 3}, {"models": {"source": "stored", "vlm": {}}}, {"models": {"source": "hub"}}):
        assert fill_paths(scale) is scale


def test_a_path_beside_a_name_is_refused():
    models = {**SCALE["models"], "vlm": {"path": "elsewhere"}}
    with pytest.raises(ValueError, match=r"models\.vlm\.path 'elsewhere' is given, but models\.hub names"):
        fill_paths({**SCALE, "models": models})


@pytest.mark.parametrize("cache", ["a{b}", "~/cache", "a\nb"])
def test_a_cache_that_cannot_be_planned_with_is_named_once(cache):
    with pytest.raises(ValueError, match=r"models\.cache: "):
        fill_paths({**SCALE, "models": {**SCALE["models"], "cache": cache}})


@pytest.mark.parametrize(("cache", "place"), [(".", "models"), ("a//b/", "a/b/models"), ("/", "/models")])
def test_a_cache_has_one_name(cache, place):
    filled = fill_paths({**SCALE, "models": {**SCALE["models"], "cache": cache}})
    assert filled["models"]["vlm"]["path"] == f"{place}/a/b/{COMMIT}"


def test_code_of_a_folder_is_run_only_where_a_commit_pins_it():
    with pytest.raises(ViperError, match=r"editor\.trust_remote_code runs the code of a folder that no commit pins"):
        load("micro", overrides={"models.editor.trust_remote_code": True})
    assert load("3b", overrides={"models.editor.trust_remote_code": True}).models.editor.trust_remote_code


@pytest.mark.parametrize(
    "name",
    ["a/b", "a/b@main", f"a/b@{COMMIT[:-1]}", f"b@{COMMIT}", f"../..@{COMMIT}", f"-a/b@{COMMIT}", f"a/.@{COMMIT}"],
)
def test_only_a_commit_is_a_pin(name):
    TypeAdapter(Pinned).validate_python(f"a/b@{COMMIT}")
    with pytest.raises(ValidationError):
        TypeAdapter(Pinned).validate_python(name)
