"""The commands of the evaluation."""

import json

import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from viper.config import load
from viper.config.options import to_json
from viper.errors import ViperError
from viper.evaluation.commands import register


def run(*arguments):
    app = typer.Typer()
    register(app)
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


def written(*names):
    """The files that `evaluate` writes, as its options."""
    answers = [word for name in names for word in ("--answers", f"answers/{name}.tsv")]
    return [*answers, "--scores", "answers/scores.json", "--work", "work"]


def test_a_benchmark_of_any_seed_and_size_can_be_made(tmp_path):
    splits = {"mine": {"seed": 4711, "size": 5, "pictures": "dev"}}
    options = json.dumps({"evaluation": {"source": "world", "folder": None, "kinds": "all", "splits": splits}})
    output = tmp_path / "MicroWorldQA.tsv"
    arguments = ["--split", "mine", "--options", options, "--output", str(output)]
    assert run("make-benchmark", "MicroWorldQA", *arguments).exit_code == 0
    assert len(pd.read_csv(output, sep="\t")) == 5


def test_a_wrong_option_is_named(tmp_path):
    options = '{"evaluation": {"splits": {"test": {"sizes": 5}}}}'
    with pytest.raises(ViperError, match="Split has no key 'sizes': did you mean 'size'"):
        run("make-benchmark", "MicroStar", "--split", "test", "--options", options, "--output", str(tmp_path / "x.tsv"))


def test_a_missing_checkpoint_is_named(tmp_path):
    scale = load("smoke")
    options = to_json(scale, ["models.vlm", *scale.evaluation.sections_of_answers("test", "base")])
    arguments = ["--checkpoint", str(tmp_path / "manifest.json"), "--benchmark", "MicroStar.tsv", "--lineage", "base"]
    with pytest.raises(ViperError, match="no checkpoint at"):
        run("evaluate", *arguments, "--split", "test", "--options", options, *written("MicroStar"))


def test_every_benchmark_needs_a_file_for_its_answers():
    scale = load("smoke")
    options = to_json(scale, ["models.vlm", *scale.evaluation.sections_of_answers("test", "base")])
    asked = [word for name in ("MicroStar", "MicroBlink") for word in ("--benchmark", f"{name}.tsv")]
    with pytest.raises(ViperError, match="2 benchmarks and 1 files for answers"):
        run(
            *("evaluate", "--checkpoint", "manifest.json", *asked, "--lineage", "base"),
            *("--split", "test", "--options", options, *written("MicroStar")),
        )
