"""Sections of models, seeds and synthesis: impossible combinations are refused with the remedy."""

import pytest
from pydantic import ValidationError

from viper.config import load
from viper.config.images import HubPhotographs, Images
from viper.config.models import Models, VlmSection
from viper.config.synthesis import EditSection, OperationsSection
from viper.config.training import TrainingJob
from viper.errors import ViperError

PART = {"path": "models/x"}


@pytest.mark.parametrize(
    ("section", "values", "message"),
    [
        (Images, {"source": "folder", "number": 3}, "paths is empty"),
        (Images, {"source": "world", "number": 3, "paths": ["*.jpg"]}, "set source: folder"),
        (Images, {"source": "world", "number": 3, "shards": 4}, "lower shards or raise number"),
        (Images, {"source": "world", "number": 3, "sharts": 2}, "sharts"),
        (Images, {"source": "world", "number": 3, "image_size": [8, 16384]}, "more than 200 times the other"),
        (HubPhotographs, {"dataset": f"a/b@{'0' * 40}", "files": ["/etc/passwd"]}, "leads out of the data set"),
        (HubPhotographs, {"dataset": f"a/b@{'0' * 40}", "files": ["x/../../y.parquet"]}, "leads out of the data set"),
        (HubPhotographs, {"dataset": f"a/b@{'0' * 40}", "files": ["x.parquet", "x.parquet"]}, "keep each once"),
        (VlmSection, {**PART, "device": "cpu", "engine": "vllm"}, "engine vllm is for GPUs, and device is cpu"),
        (VlmSection, {**PART, "device": "cpu", "attention": "flash_attention_2"}, "for device cuda and dtype bfloat16"),
        (VlmSection, {**PART, "dtype": "float32", "attention": "flash_attention_2"}, "not for auto and float32"),
        (TrainingJob, {"runtime": 10, "notice": 600}, "is its start: lower notice, or raise runtime"),
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


def load_7b(changes):
    load("7b", overrides=changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"training.machine.job.gpu": 4}, r"training\.machine\.job\.gpu 4: .* on 8 GPUs of a node .*: raise it to 8"),
        ({"training.machine.devices": 16}, r"on 16 GPUs of a node"),
        (
            {"training.machine.devices": 16, "training.machine.nodes": 2, "training.machine.job.gpu": 4},
            r"on 8 GPUs of a node",
        ),
        ({"models.vlm.job.gpu": 0}, r"models\.vlm\.job\.gpu 0: .* on 1 GPU of a node .*: raise it to 1"),
        ({"models.painter.job.gpu": 0}, r"models\.painter\.job\.gpu 0"),
        ({"training.machine.device": "cpu", "training.phases.csr.engine": "vllm"}, "engine vllm is for GPUs"),
        ({"models.vlm.vllm.max_length": 1024}, r"models\.vlm\.vllm\.max_length 1024 .* synthesis\.\w+\.max_new_tokens"),
        ({"evaluation.asking.max_new_tokens": 65536}, r"evaluation\.vllm\.max_length 65536 leaves no room"),
        (
            {"evaluation.vllm": None, "models.vlm.vllm.max_length": 1500},
            r"models\.vlm\.vllm\.max_length 1500 .* evaluation\.asking\.max_new_tokens",
        ),
    ],
)
def test_what_a_job_could_not_do_is_refused_before_anything_runs(changes, message):
    with pytest.raises(ViperError, match=message):
        load_7b(changes)


def test_two_nodes_need_the_gpus_of_one_each():
    load_7b({"training.machine.devices": 16, "training.machine.nodes": 2})


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
