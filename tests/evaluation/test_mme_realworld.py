"""MME-RealWorld's table from its chunks: a JSON list read an item at a time, rows in one order, texts as they are."""

import csv
import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

import published_form
from viper.cost.rates import read_rates
from viper.errors import ViperError
from viper.evaluation import mme_realworld
from viper.evaluation.mme_realworld import COLUMNS, read_items, write_table

ENTRIES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(ENTRIES, min_size=1, max_size=6), st.integers(1, 40), st.sampled_from([None, 0, 2]), st.booleans())
def test_any_list_is_read_in_blocks_of_any_size(tmp_path_factory, entries, block, indent, ascii_only):
    path = tmp_path_factory.mktemp("chunks") / "chunk.json"
    path.write_text(json.dumps(entries, indent=indent, ensure_ascii=ascii_only) + "\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mme_realworld, "_BLOCK", block)
        assert list(read_items(path)) == entries


@pytest.mark.parametrize("block", [3, 2**24])
@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[", b"[]", b"[1, 2", b"[1, 2,", b"[1 2]", b'[{"a": "b', b"[1, nothing]", b"\xff\xfe[1]", b"12"],
)
def test_what_is_no_list_or_ends_early_is_named(tmp_path, monkeypatch, content, block):
    monkeypatch.setattr(mme_realworld, "_BLOCK", block)
    path = tmp_path / "chunk.json"
    path.write_bytes(content)
    with pytest.raises(ViperError, match=r"chunk\.json: .* Remove the chunk and fetch it again"):
        list(read_items(path))


@pytest.mark.parametrize("block", [3, 2**24])
@pytest.mark.parametrize("behind", ["[2]", ",", "]", " x", "\n\n{}", "\0"])
def test_what_stands_behind_the_list_is_not_passed_over(tmp_path, monkeypatch, behind, block):
    monkeypatch.setattr(mme_realworld, "_BLOCK", block)
    path = tmp_path / "chunk.json"
    path.write_text(f"[1]{behind}")
    with pytest.raises(ViperError, match=r"chunk\.json: goes on behind its list of 1 items\. Remove the chunk"):
        list(read_items(path))


@pytest.mark.parametrize("block", [1000, 2**24])
@pytest.mark.parametrize(
    ("entry", "problem"),
    [("[" * 100_000, "is nested too deeply"), ("[" * 100_000 + "]" * 100_000, "is nested too deeply"),
     ('{"index": ' + "9" * 5000 + "}", "has a number of too many digits"),
     ("-" + "1" * 5000, "has a number of too many digits")],
)  # fmt: skip
def test_an_item_that_python_does_not_read_is_named(tmp_path, monkeypatch, entry, problem, block):
    monkeypatch.setattr(mme_realworld, "_BLOCK", block)
    path = tmp_path / "chunk.json"
    path.write_text(f'["first", {entry}]')
    with pytest.raises(ViperError, match=rf"chunk\.json, item 2: {problem}\. Remove the chunk and fetch it again"):
        list(read_items(path))


def rows_of(path):
    csv.field_size_limit(sys.maxsize)
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_rows_stand_in_the_order_of_the_chunks_numbers(tmp_path):
    chunks = published_form.write_chunks(tmp_path, 23)
    assert write_table(chunks, tmp_path / "table.tsv") == 23
    rows = rows_of(tmp_path / "table.tsv")
    assert list(rows[0]) == list(COLUMNS)
    assert [row["index"] for row in rows] == [str(number) for number in range(23)]
    for row, item in zip(rows, published_form.mme_realworld_items(23), strict=True):
        options = item["multi-choice options"]
        assert row["multi-choice options"] == "The choices are listed below:\n" + "\n".join(options)
        assert [row[letter] for letter in "ABCDE"] == [option[4:] for option in options]
        assert (row["question"], row["image"], row["answer"]) == (item["question"], item["image"], item["answer"])


def test_the_same_chunks_make_the_same_bytes(tmp_path):
    chunks = published_form.write_chunks(tmp_path)
    for name in ("a", "b"):
        write_table(chunks, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"image": None}, "image"),
        ({"multi-choice options": ["(A) 1"]}, "multi-choice options"),
        ({"multi-choice options": ["(A) 1", "(B) 2", "3", "(D) 4", "(E) 5"]}, r"multi-choice options\.2"),
        ({"multi-choice options": ["(A) 1", "(B) 2", "(C) 3", "(D) 4", "E. 5"]}, r"multi-choice options\.4"),
        ({"multi-choice options": ["(A) \ud800", "(B) 2", "(C) 3", "(D) 4", "(E) 5"]}, r"multi-choice options\.0"),
        ({"answer": ["A"]}, "answer"),
        ({"index": "\ud800"}, "index.*half of one"),
        ({"image": "\udfff"}, "image.*half of one"),
        ({"question": "Why \ud800?"}, "question.*its character 5 is half of one"),
        ({"category": "\ud800"}, "category.*half of one"),
    ],
)
def test_an_item_that_lacks_something_is_named(tmp_path, change, problem):
    items = published_form.mme_realworld_items(3)
    items[1] |= change
    (tmp_path / "chunk.json").write_text(json.dumps(items))
    with pytest.raises(ViperError, match=rf"chunk\.json, item 2: .*{problem}.*Remove the chunk"):
        write_table([tmp_path / "chunk.json"], tmp_path / "table.tsv")


def test_the_cost_is_counted_for_as_many_items():
    assert read_rates().items["MME-RealWorld"] == mme_realworld.ITEMS
