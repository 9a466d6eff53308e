"""`viper fit`: what it refuses, and how it ends."""

import pytest
from typer.testing import CliRunner

from viper.commands import build
from viper.errors import ViperError
from viper.fit import forecast
from viper.fit.forecast import Forecast
from viper.fit.step import GIB, Length, Step


def run(*arguments):
    return CliRunner().invoke(build(), ["fit", *arguments])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--scale", "7b", "--gpu-memory", "0"], "give the gigabytes of one GPU"),
        (["--scale", "7b", "--engine", "sglang"], "give vllm or transformers"),
        (["--scale", "micro"], "names no GPUs: give --gpu-memory"),
        (["--scale", "7b", "--config", "{"], "--config is no JSON"),
        (["--scale", "70b"], "scale '70b' is not among the scales"),
    ],
)
def test_mistakes_are_one_message(arguments, message):
    error = run(*arguments).exception
    assert isinstance(error, ViperError)
    assert message in str(error)


def test_a_step_that_does_not_fit_ends_in_an_error_and_leaves_its_table(monkeypatch, tmp_path):
    small = Step("painter", {"drawing": {"weights": GIB}}, place="models.painter")
    large = Step("editor", {"drawing": {"weights": 90 * GIB}}, place="models.editor")
    found = [Forecast(small, 80 * GIB, GIB), Forecast(large, 80 * GIB, GIB)]
    monkeypatch.setattr(forecast, "forecast", lambda scale, engine: found)
    output = tmp_path / "forecast.csv"
    result = run("--scale", "7b", "--output", str(output))
    assert "painter: 1.0 of 80.0 GiB of each GPU, drawing: fits" in result.output
    assert str(result.exception).startswith("editor: more than there is room for")
    assert "editor,gpu,drawing,weights,90.0000" in output.read_text()


def test_a_prompt_that_is_too_long_ends_in_an_error_too(monkeypatch, tmp_path):
    step = Step("evaluation", {"starting": {"weights": GIB}}, place="models.vlm", length=Length(84_378, 65_536))
    monkeypatch.setattr(forecast, "forecast", lambda scale, engine: [Forecast(step, 80 * GIB, GIB)])
    output = tmp_path / "forecast.csv"
    result = run("--scale", "7b", "--output", str(output))
    assert str(result.exception).startswith("evaluation: more than there is room for")
    assert "evaluation,length,longest prompt and answer,all,,,84378,65536,False" in output.read_text()


def test_a_scale_of_cpus_has_nothing_to_hold_to_a_gpu(monkeypatch, tmp_path):
    """The table, which a workflow waits for, is written all the same."""
    monkeypatch.setattr(forecast, "forecast", lambda scale, engine: [])
    output = tmp_path / "forecast.csv"
    result = run("--scale", "micro", "--gpu-memory", "80", "--output", str(output))
    assert result.exit_code == 0
    assert "runs on CPUs" in result.output
    assert output.read_text() == "step,memory,stage,part,gib,room,tokens,most_tokens,fits\n"
