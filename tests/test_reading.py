"""Broken records end in one message; cells of tables stay what they are."""

from contextlib import suppress

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from viper.errors import ViperError
from viper.files import write_table
from viper.reading import open_parquet, read_json, read_json_lines, read_parquet, read_table, read_text
from viper.reward.tau import read_tau


class Record(BaseModel, strict=True):
    name: str
    number: float


BROKEN = [
    "",
    "{",
    "[]",
    "null",
    "7",
    '"x"',
    '{"name": 1, "number": 2}',
    '{"name": "a"}',
    "\x00",
    '{"name": "a", "number"',
]


@pytest.mark.parametrize("content", BROKEN)
def test_broken_json_is_one_message_with_the_file(content, tmp_path):
    path = tmp_path / "record.json"
    path.write_text(content)
    with pytest.raises(ViperError, match=r"record\.json: .+\. Make it again"):
        read_json(path, Record, "Make it again")


@given(st.binary(max_size=60))
def test_no_bytes_at_all_end_in_another_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("any") / "record"
    path.write_bytes(content)
    for read in (
        lambda: read_json(path, Record),
        lambda: read_json_lines(path, Record),
        lambda: read_table(path, needed=["a"], numbers=["a"]),
        lambda: read_text(path),
        lambda: open_parquet(path),
    ):
        with suppress(ViperError):
            read()


def test_missing_files_and_folders_are_named(tmp_path):
    for read in (read_text, read_table, read_parquet, lambda path: read_json(path, Record)):
        with pytest.raises(ViperError, match="none: missing"):
            read(tmp_path / "none")
        with pytest.raises(ViperError, match="not a file, but a folder"):
            read(tmp_path)


def test_json_lines_name_the_line(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('\ufeff{"name": "a", "number": 1}\n\n{"name": "b", "number": "x"}\n', encoding="utf-8")
    with pytest.raises(ViperError, match=r"rows\.jsonl, line 3: number: "):
        read_json_lines(path, Record)


CELLS = st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(
    [
        "None",
        "N/A",
        "nan",
        "null",
        "",
        " ",
        "1.0",
        "007",
        "1e5",
        "True",
        "=1+1",
        '"',
        "\t",
        "\n",
        "\r",
        "\r\n",
        ",",
        "a\x00b",
    ]
)


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
@given(rows=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=4))
def test_cells_come_back_as_they_were_written(tmp_path_factory, suffix, rows):
    path = tmp_path_factory.mktemp("cells") / f"table{suffix}"
    table = pd.DataFrame(rows, columns=["a", "b"], dtype=object)
    write_table(path, table)
    assert read_table(path, needed=["a", "b"]).to_dict("list") == table.to_dict("list")


def test_numbers_are_read_by_name_only(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("answer,hit,share\n007,1,0.5\nNone,0,\n")
    table = read_table(path, numbers=["hit", "share", "absent"])
    assert list(table["answer"]) == ["007", "None"]
    assert table["hit"].sum() == 1
    assert table["share"].isna().sum() == 1
    with pytest.raises(ViperError, match=r"column answer holds what is no number: .*None"):
        read_table(path, numbers=["answer"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no header"),
        ("a,b\n1\n", "line 2: 1 cells, the header has 2"),
        ("a,b\n1,2,3\n", "line 2: 3 cells"),
        ("a,a\n1,2\n", "a twice"),
        ('a,b\n"1,2\n', "unexpected end"),
        ("b,c\n1,2\n", "lacks the column a; it has b, c"),
    ],
)
def test_what_is_no_table_says_why(text, message, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(ViperError, match=message):
        read_table(path, needed=["a"])


def test_a_missing_column_of_a_parquet_file_is_named(tmp_path):
    path = tmp_path / "t.parquet"
    pd.DataFrame({"a": [1]}).to_parquet(path)
    assert read_parquet(path, ["a"])["a"].tolist() == [1]
    with pytest.raises(ViperError, match=r"lacks the column b; it has a"):
        read_parquet(path, ["a", "b"])


@pytest.mark.parametrize(
    "content",
    [*BROKEN, '{"embedder": "e", "tau": NaN}', '{"embedder": "e", "tau": 7}', '{"embedder": "e", "tau": true}',
     '{"embedder": "e", "tau": "0.5"}', '{"embedder": "e", "tau": Infinity}', '{"embedder": 3, "tau": 0.5}'],
)  # fmt: skip
def test_a_broken_threshold_is_refused_with_the_rule_that_makes_it(content, tmp_path):
    path = tmp_path / "tau.json"
    path.write_text(content)
    with pytest.raises(ViperError, match=r"tau\.json.*calibrate_tau"):
        read_tau(path, "e")
