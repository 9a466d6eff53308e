"""Mantis-Eval's table from its Parquet file: what is published is converted, anything else is named by file and row."""

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
from typer.testing import CliRunner

import published_form
from viper.errors import ViperError
from viper.evaluation.commands import register
from viper.evaluation.mantis_table import convert

CHOICE, SHORT = published_form.mantis()
RED = {"bytes": published_form.picture("red"), "path": None}


def written(folder, *rows, name="part.parquet"):
    path = folder / name
    pd.DataFrame(rows).to_parquet(path)
    return path


def converted(folder, *rows):
    assert convert([written(folder, *rows)], folder / "Mantis-Eval.tsv") == len(rows)
    return pd.read_csv(folder / "Mantis-Eval.tsv", sep="\t", keep_default_na=False, dtype=str).to_dict("records")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, {"answer": "A", "A": "the first", "B": "the second", "category": "multi-choice"}),
        ({"answer": " (b). "}, {"answer": "B"}),
        ({"answer": "a"}, {"answer": "A"}),
        ({"options": ["a cup", "B. a hat", " (C) None"], "answer": "C"}, {"A": "a cup", "B": "a hat", "C": "None"}),
        ({"category": None}, {"l2-category": ""}),
        ({"id": 7}, {"index": "0"}),
    ],
)
def test_what_is_published_is_converted(tmp_path, change, expected):
    (row,) = converted(tmp_path, CHOICE | change)
    assert row.items() >= expected.items()


@pytest.mark.parametrize("options", [[], None])
def test_a_short_answer_has_no_options(tmp_path, options):
    (row,) = converted(tmp_path, SHORT | {"answer": " two ", "options": options})
    assert (row["answer"], row["category"], "A" in row) == ("two", "short-answer", False)


def test_files_are_one_table(tmp_path):
    first = written(tmp_path, CHOICE, name="a.parquet")
    second = written(tmp_path, {name: cell for name, cell in SHORT.items() if name != "category"}, name="b.parquet")
    assert convert([first, second], tmp_path / "Mantis-Eval.tsv") == 2
    table = pd.read_csv(tmp_path / "Mantis-Eval.tsv", sep="\t", keep_default_na=False)
    assert table["index"].tolist() == [0, 1]
    assert table["l2-category"].tolist() == ["comparison", ""]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"answer": ""}, "answer"),
        ({"answer": " "}, "answer"),
        ({"answer": None}, "answer"),
        ({"answer": "()"}, r"the answer '\(\)' is none of its 2 options"),
        ({"answer": "AB"}, r"\(mantis_eval_0\): the answer 'AB' is none of its 2 options"),
        ({"answer": "C"}, "the answer 'C' is none of its 2 options"),
        ({"options": "(A) the first"}, "options"),
        ({"options": None}, "1 to 26 options"),
        ({"options": []}, "1 to 26 options"),
        ({"options": [None]}, r"options\.0"),
        ({"options": ["(A) a", None]}, r"options\.1"),
        ({"options": ["a"] * 27}, "1 to 26 options"),
        ({"question_type": "essay"}, "question_type"),
        ({"question_type": None}, "question_type"),
        ({"question": None}, "question"),
        ({"question": ""}, "question"),
        ({"id": None}, "id"),
        ({"images": None}, "images"),
        ({"images": []}, "images"),
        ({"images": [None]}, r"images\.0"),
        ({"images": "a.jpg"}, "images"),
        ({"images": ["a.jpg"]}, r"images\.0"),
        ({"images": [{"bytes": None, "path": "a.jpg"}]}, r"images\.0\.bytes"),
        ({"images": [{"path": "a.jpg"}]}, r"images\.0\.bytes"),
        ({"images": [{"bytes": "text", "path": None}]}, r"images\.0\.bytes"),
        ({"images": [RED, {"bytes": b"no picture", "path": None}]}, "picture 2: not an image"),
        ({"images": [{"bytes": RED["bytes"][:400], "path": None}]}, "picture 1: (truncated|broken)"),
    ],
)
def test_a_row_that_is_not_what_it_must_be_is_named(tmp_path, change, problem):
    good, bad = written(tmp_path, CHOICE, name="good.parquet"), written(tmp_path, CHOICE | change)
    with pytest.raises(ViperError, match=rf"part\.parquet, row 1.*{problem}.*Take it from the hub") as caught:
        convert([good, bad], tmp_path / "Mantis-Eval.tsv")
    assert len(str(caught.value)) < 500 + len(str(tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["good.parquet", "part.parquet"]


def test_rows_are_counted_from_one_in_each_file(tmp_path):
    with pytest.raises(ViperError, match=r"part\.parquet, row 2: answer"):
        converted(tmp_path, CHOICE, SHORT | {"answer": ""})


def test_text_that_is_not_utf8_is_named(tmp_path):
    table = pa.Table.from_pylist([SHORT])
    broken = pa.array([b"\xff\xfe"]).view(pa.string())
    table = table.set_column(table.column_names.index("question"), "question", broken)
    pq.write_table(table, tmp_path / "part.parquet")
    with pytest.raises(ViperError, match=r"part\.parquet, row 1: has text that is not UTF-8"):
        convert([tmp_path / "part.parquet"], tmp_path / "Mantis-Eval.tsv")


def test_files_without_rows_are_named(tmp_path):
    pq.write_table(pa.Table.from_pylist([CHOICE]).slice(0, 0), tmp_path / "part.parquet")
    with pytest.raises(ViperError, match=r"part\.parquet: no items\. Take it from the hub"):
        convert([tmp_path / "part.parquet"], tmp_path / "Mantis-Eval.tsv")
    assert not (tmp_path / "Mantis-Eval.tsv").exists()


@pytest.mark.parametrize("name", ["id", "question_type", "question", "images", "options", "answer"])
@pytest.mark.parametrize("times", [0, 2])
def test_every_column_is_there_once(tmp_path, name, times):
    table = pa.Table.from_pylist([CHOICE])
    column = table[name]
    table = table.append_column(name, column) if times else table.drop_columns([name])
    pq.write_table(table, tmp_path / "part.parquet")
    problem = f"has the columns {name} twice" if times else f"lacks the columns {name}: is this"
    with pytest.raises(ViperError, match=rf"part\.parquet: {problem}"):
        convert([tmp_path / "part.parquet"], tmp_path / "Mantis-Eval.tsv")


def test_the_command_converts(tmp_path):
    app = typer.Typer()
    register(app)
    path, output = written(tmp_path, CHOICE, SHORT), tmp_path / "LMUData/Mantis-Eval.tsv"
    result = CliRunner().invoke(app, ["convert-mantis", str(path), "--output", str(output)], catch_exceptions=False)
    assert result.exit_code == 0
    assert output.is_file()
