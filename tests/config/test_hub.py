"""Models named with their commit: where they lie, and what is refused."""

import pytest
from pydantic import TypeAdapter, ValidationError

from viper.config.hub import Pinned, cached_folder, fill_paths

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


@pytest.mark.parametrize("name", ["a/b", "a/b@main", f"a/b@{COMMIT[:-1]}", f"b@{COMMIT}"])
def test_only_a_commit_is_a_pin(name):
    TypeAdapter(Pinned).validate_python(f"a/b@{COMMIT}")
    with pytest.raises(ValidationError):
        TypeAdapter(Pinned).validate_python(name)
