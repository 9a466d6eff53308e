"""The commands of the evaluation."""

import json

import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from viper.errors import ViperError
from viper.evaluation.commands import register


def run(*arguments):
    app = typer.Typer()
    register(app)
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


def test_a_benchmark_of_any_seed_and_size_can_be_made(tmp_path):
    options = json.dumps({"source": "world", "folder": None, "split": {"seed": 4711, "size": 5, "pictures": "dev"}})
    output = tmp_path / "MicroWorldQA.tsv"
    assert run("make-benchmark", "MicroWorldQA", "--options", options, "--output", str(output)).exit_code == 0
    assert len(pd.read_csv(output, sep="\t")) == 5


def test_a_wrong_option_is_named(tmp_path):
    with pytest.raises(ViperError, match="sizes"):
        run("make-benchmark", "MicroStar", "--options", '{"sizes": 5}', "--output", str(tmp_path / "x.tsv"))


def test_a_missing_checkpoint_is_named(tmp_path):
    options = json.dumps(
        {"source": "world", "folder": None, "size": None, "asking": {"max_new_tokens": 8}, "vlm": {"path": "x"}}
    )
    arguments = ["--checkpoint", str(tmp_path / "manifest.json"), "--benchmark", "MicroStar.tsv"]
    with pytest.raises(ViperError, match="no checkpoint at"):
        run("evaluate", *arguments, "--options", options, "--output", str(tmp_path))
