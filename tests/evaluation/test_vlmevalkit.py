"""VLMEvalKit's data sets: the prompts they make, and what is done about their habits."""

import json
import subprocess
import sys
from importlib.util import find_spec
from io import BytesIO

import pandas as pd
import pytest
from PIL import Image

from microworld.benchmarks import BENCHMARKS as MICRO
from microworld.benchmarks import question_prompt
from viper.errors import ViperError
from viper.evaluation.registry import OFFICIAL, scoring
from viper.evaluation.vlmevalkit import build, dataset_class, import_vlmeval, require_data

# VLMEvalKit as it imports itself, and the class of every benchmark that it has.
WHOLE = """
import json
import viper.models.torchvision_shim
from vlmeval.dataset import DATASET_CLASSES
classes = {}
for known in DATASET_CLASSES:
    for name in known.supported_datasets():
        classes.setdefault(name, f"{known.__module__}.{known.__qualname__}")
print(json.dumps(classes))
"""
# What an evaluation imports before there is a model.
ALONE = """
import json, ssl, sys
import torch
from PIL import Image
before = ssl._create_default_https_context, torch.is_grad_enabled(), Image.MAX_IMAGE_PIXELS
from viper.evaluation.kept_files import kept_files
from viper.evaluation.registry import OFFICIAL, scoring
from viper.evaluation.run import evaluate
from viper.evaluation.vlmevalkit import dataset_class
for name in OFFICIAL:
    dataset_class(type(scoring(name)))
with kept_files():
    import viper.evaluation.model
assert before == (ssl._create_default_https_context, torch.is_grad_enabled(), Image.MAX_IMAGE_PIXELS)
print(json.dumps(list(sys.modules)))
"""


def said_by(code):
    """What a fresh process prints, read from JSON."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(autouse=True, scope="module")
def vlmeval():
    """VLMEvalKit's modules can be imported."""
    import_vlmeval()


@pytest.fixture(scope="module")
def whole():
    """Name of every benchmark that VLMEvalKit has → its class, when everything is imported."""
    if find_spec("decord") is None:
        pytest.skip("no decord on this platform: VLMEvalKit cannot import its video benchmarks")
    return said_by(WHOLE)


@pytest.mark.parametrize("name", MICRO)
def test_the_base_model_learns_exactly_the_prompts_that_vlmevalkit_makes(name, files, questions):
    dataset = build(name, files[name].parent)
    assert len(dataset) == len(questions[name])
    for number, question in enumerate(questions[name]):
        message = dataset.build_prompt(dataset.data.iloc[number])
        assert [part["type"] for part in message] == ["image"] * len(question.scenes) + ["text"]
        assert message[-1]["value"] == question_prompt(question)


@pytest.mark.parametrize(
    ("micro", "official", "kind"),
    [
        ("MicroStar", "MMStar", "MCQ"),
        ("MicroWorldQA", "RealWorldQA", "MCQ"),
        ("MicroBlink", "BLINK", "MCQ"),
        ("MicroHighRes", "MME-RealWorld", "MMERealWorld"),
        ("MicroHallusion", "HallusionBench", "Y/N"),
        ("MicroCRPE", "CRPE_RELATION", "VQA"),
    ],
)
def test_a_micro_benchmark_has_the_class_of_its_model(micro, official, kind, files, whole):
    dataset = build(micro, files[micro].parent)
    (known,) = [base for base in type(dataset).__mro__ if f"{base.__module__}.{base.__qualname__}" == whole[official]]
    assert kind == dataset.TYPE
    assert type(dataset).build_prompt is known.build_prompt
    assert type(dataset).evaluate.__func__ is known.evaluate.__func__ if hasattr(known.evaluate, "__func__") else True


@pytest.mark.parametrize("name", OFFICIAL)
def test_an_official_benchmark_has_the_class_that_vlmevalkit_would_take(name, whole):
    if name not in whole:
        assert name == "Mantis-Eval"  # which is the project's own
        return
    made_of = [f"{base.__module__}.{base.__qualname__}" for base in dataset_class(type(scoring(name))).__mro__]
    assert whole[name] in made_of


def test_data_come_from_the_given_folder(files):
    from vlmeval.smp import LMUDataRoot

    build("MicroStar", files["MicroStar"].parent)
    assert LMUDataRoot() == str(files["MicroStar"].parent.resolve())


def test_parts_are_imported_and_not_the_whole():
    modules = set(said_by(ALONE))
    assert {"vlmeval.vlm.base", "vlmeval.inference", "vlmeval.smp"} <= modules
    assert not modules & {"vlmeval.api.base", "vlmeval.vlm.qwen2_vl", "openai", "nltk", "decord", "matplotlib"}
    assert sum(name.startswith("vlmeval.") for name in modules) < 40  # of 700


def test_a_name_that_only_the_whole_has_is_an_import_error():
    with pytest.raises(ImportError, match="build_dataset"):
        from vlmeval.dataset import build_dataset  # noqa: F401


def test_missing_or_broken_official_data_stop_with_a_remedy(tmp_path):
    for name in ("MMStar", "MME-RealWorld", "Mantis-Eval"):
        with pytest.raises(ViperError, match=f"{name}.tsv is missing: `snakemake fetch`, or put it there"):
            require_data(name, tmp_path)
    (tmp_path / "MMStar.tsv").write_text("index\n")
    with pytest.raises(ViperError, match="does not have the MD5"):
        require_data("MMStar", tmp_path)


def test_micro_names_trigger_none_of_vlmevalkits_special_cases(whole):
    for name in MICRO:
        assert name not in whole  # would be checked for its MD5, and downloaded
        assert not any(word in name.lower() for word in ("circular", "mmbench", "ccbench", "mmcr", "mmt", "mmvp"))


def test_mantis_eval_is_converted(tmp_path):
    from viper.evaluation.mantis_table import convert

    def image(color):
        buffer = BytesIO()
        Image.new("RGB", (40, 40), color).save(buffer, format="JPEG")
        return {"bytes": buffer.getvalue(), "path": None}

    rows = [
        {"id": "m1", "question_type": "multi-choice", "question": "<image> <image> Which?", "category": "x",
         "images": [image("red"), image("blue")], "options": ["(A) a dog", "(B) a cat"], "answer": "B"},
        {"id": "m2", "question_type": "short-answer", "question": "<image> How many?", "category": "x",
         "images": [image("red")], "options": [], "answer": "Two"},
    ]  # fmt: skip
    pd.DataFrame(rows).to_parquet(tmp_path / "part.parquet")
    assert convert([tmp_path / "part.parquet"], tmp_path / "Mantis-Eval.tsv") == 2
    dataset = build("Mantis-Eval", tmp_path)
    first, second = (dataset.build_prompt(dataset.data.iloc[number]) for number in range(2))
    assert [part["type"] for part in first] == ["image", "image", "text"]
    assert "A. a dog\nB. a cat" in first[-1]["value"]
    assert "Options" not in second[-1]["value"]

    data = dataset.data.drop(columns="image")
    for predictions, expected in ((["B", "two."], 1.0), (["A", "two"], 0.5), (["a cat", "three"], 0.5)):
        data["prediction"] = predictions
        data.to_csv(tmp_path / "said.tsv", sep="\t", index=False)
        assert dataset.evaluate(str(tmp_path / "said.tsv"))["Overall"].tolist() == [expected]

    rows[0]["answer"] = "C"
    pd.DataFrame(rows).to_parquet(tmp_path / "part.parquet")
    with pytest.raises(ViperError, match="m1"):
        convert([tmp_path / "part.parquet"], tmp_path / "other.tsv")
