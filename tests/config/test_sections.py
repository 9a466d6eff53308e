"""Sections of models, seeds and synthesis: impossible combinations are refused with the remedy."""

import pytest
from pydantic import ValidationError

from viper.config import load
from viper.config.images import Images
from viper.config.models import Models
from viper.config.synthesis import EditSection, OperationsSection
from viper.errors import ViperError

PART = {"path": "models/x"}


@pytest.mark.parametrize(
    ("section", "values", "message"),
    [
        (Images, {"source": "folder", "number": 3}, "paths is empty"),
        (Images, {"source": "world", "number": 3, "paths": ["*.jpg"]}, "set source: folder"),
        (Images, {"source": "world", "number": 3, "shards": 4}, "lower shards or raise number"),
        (Images, {"source": "world", "number": 3, "sharts": 2}, "sharts"),
        (OperationsSection, {"language": "micro", "types": ["color", "color"]}, "keep each once"),
        (OperationsSection, {"language": "micro", "types": ["colour"]}, "colour"),
        (EditSection, {"one_by_one": True, "min_change": 2.0, "max_change": 1.0}, "less than or equal to 1"),
        (Models, {"source": "hub", "vlm": PART, "painter": PART, "editor": PART}, "does not name vlm, painter, editor"),
        (
            Models,
            {"source": "stored", "hub": {"vlm": f"a/b@{'0' * 40}"}, "vlm": PART, "painter": PART, "editor": PART},
            "set source: hub or drop hub",
        ),
        (Models, {"source": "stored", "vlm": {**PART, "device": "gpu"}, "painter": PART, "editor": PART}, "device"),
    ],
)
def test_refused(section, values, message):
    with pytest.raises(ValidationError, match=message):
        section(**values)


VARIANT = {"variants.mine": {"synthesis": {"opinions": {"captions": 3, "least": 2}}}}


def test_a_variant_changes_its_sections_and_no_other():
    scale = load("micro", overrides=VARIANT)
    varied = scale.under("mine")
    assert (varied.synthesis.opinions.captions, scale.synthesis.opinions.captions) == (3, 0)
    assert varied.synthesis.model_copy(update={"opinions": scale.synthesis.opinions}) == scale.synthesis
    assert varied.models == scale.models
    assert scale.under("") is scale


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"variants.a": {"analysis": {"margin": 0.5}}},
            "sets analysis; a variant can change models, reward, synthesis",
        ),
        ({"variants.a": {"synthesis": {"opinions": {"captions": 1, "least": 2}}}}, "exceeds captions 1"),
        ({"variants.A~b": {}}, "becomes part of a folder"),
        (VARIANT | {"experiments.ablation_x": ["base", "base~mine"]}, "is the base, which a variant leaves"),
        ({"experiments.ablation_x": ["base", "base~no.vop"]}, "unknown variant 'no'"),
    ],
)
def test_wrong_variants_are_refused(changes, message):
    with pytest.raises(ViperError, match=message):
        load("micro", overrides=changes)
