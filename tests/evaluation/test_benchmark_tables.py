"""Reading benchmarks: what a cell says is never run, broken cells are named, and texts stay what they are."""

import base64
import csv
import io
import zlib
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from viper.errors import ViperError
from viper.evaluation import benchmark_tables
from viper.evaluation.benchmark_tables import read_benchmark, read_list


def encoded(size=(40, 30), color="red", format="PNG") -> str:
    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, format)
    return base64.b64encode(buffer.getvalue()).decode()


PNG = encoded()


def write(folder: Path, *rows: dict, name="B") -> Path:
    path = folder / f"{name}.tsv"
    whole = [
        {"index": str(number), "image": PNG, "question": "?", "answer": "A"} | row for number, row in enumerate(rows)
    ]
    with path.open("w", newline="", encoding="utf-8") as file:
        columns = list(dict.fromkeys(key for row in whole for key in row))
        writer = csv.DictWriter(file, columns, delimiter="	", restval="", quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows(whole)
    return path


def read(folder: Path, *rows: dict, **options) -> pd.DataFrame:
    return read_benchmark(write(folder, *rows), folder / "pictures", **options)


def payloads(target: Path) -> list[str]:
    """What would make the file `target` in whatever evaluates it."""
    call = f"open({str(target)!r}, 'w')"
    shell = f"touch {target}"
    return [
        f"[{call}]", f"[{call}, {PNG!r}]", f"[{PNG!r}, {call}]", f"[{PNG!r} if {call} else {PNG!r}]", call, f"({call})",
        f"[__import__('os').system({shell!r})]", f"__import__('os').system({shell!r})",
            f"[*map(open, [{str(target)!r}], 'w')]",
        f"[f'{{{call}}}']", f"[(lambda: {call})()]", f"[x for x in [{call}]]", f"{{{{ {call} }}}}", f"${{{shell}}}",
        f"$({shell})", f"`{shell}`", f"!!python/object/apply:os.system ['{shell}']", f"[{PNG!r}][{call}]",
            f"  [{call}]  ",
        f"[[{call}]]", f"{{'a': {call}}}", f"['a' + {call}]", f"[\n{call}\n]", f"[b'{{}}'.__class__, {call}]",
        "cos\nsystem\n(S'" + shell + "'\ntR.",
    ]  # fmt: skip


@pytest.mark.parametrize("number", range(len(payloads(Path("x")))))
@pytest.mark.parametrize("column", ["index", "image", "image_path", "multi-choice options"])
def test_code_in_a_cell_that_vlmevalkit_evaluates_stops_the_reading(tmp_path, column, number):
    target = tmp_path / "ran"
    lists = {"multi-choice options"} if column == "multi-choice options" else ()
    rows = [{column: "['a']"}] if lists else [{}]
    with pytest.raises(ViperError, match=rf"B\.tsv, row 2, column {column}: "):
        read(tmp_path, *rows, {column: payloads(target)[number]}, lists=lists)
    assert not target.exists()


@pytest.mark.parametrize(
    "column", ["question", "answer", "category", "l2-category", "hint", "A", "options", "whatever"]
)
def test_code_in_other_cells_is_text(tmp_path, column):
    target = tmp_path / "ran"
    found = read(tmp_path, *({column: payload} for payload in payloads(target)))
    assert found[column].tolist() == payloads(target)
    assert not target.exists()


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("image", "not base64 at all, but longer than sixty-four characters, so no reference either"),
        ("image", "A" * 80),
        ("image", PNG[:-40]),
        ("image", "=" + PNG),
        ("image", PNG + "é"),
        ("image", base64.b64encode(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n" + b" " * 99).decode()),
        ("image", base64.b64encode(b"GIF89a" + b"\0" * 90).decode()),
        ("image", "7"),
        ("image", "B"),
        ("image", "[]"),
        ("image", "['']"),
        ("image", f"['{PNG}' '{PNG}']"),
        ("image", f"['{PNG}'"),
        ("image", f"[{PNG}]"),
        ("image", f"['{PNG}', None]"),
        ("image", f"['{PNG}', ['{PNG}']]"),
        ("image", "[" * 100_000 + "]" * 100_000),
        ("image", "['" + "\\x" * 100 + "']"),
        ("image", str([PNG] * 101)),
        ("image", encoded((1, 5000))),
        ("image", encoded((5000, 1), format="JPEG")),
        ("image", encoded((10, 2001))),
        ("image", str([PNG, encoded((1, 201))])),
        ("index", ""),
        ("index", "0"),
        ("index", "../../etc/passwd"),
        ("index", "/etc/passwd"),
        ("index", "a\nb"),
        ("index", "9**9**9"),
        ("index", "x" * 300),
        ("image_path", "/etc/passwd"),
        ("image_path", "../x.png"),
        ("image_path", "a/../../x.png"),
        ("image_path", "['a.png', '../x.png']"),
        ("image_path", "C:\\x.png"),
        ("image_path", "..\\x.png"),
        ("image_path", "a\0.png"),
        ("image_path", "x" * 300),
        ("image_path", "é" * 128),
        ("image_path", "a/" + "x" * 256 + "/b.png"),
        ("image_path", r"['\ud800.png']"),
        ("multi-choice options", r"['a', '\ud800']"),
    ],
)
def test_a_broken_cell_is_named(tmp_path, column, cell):
    lists = {"multi-choice options"} & {column}
    rows = [{column: "['a']"}] if lists else [{}]
    with pytest.raises(
        ViperError, match=rf"B\.tsv, row 2, column {column}: .*nothing of this benchmark was run"
    ) as caught:
        read(tmp_path, *rows, {column: cell}, lists=lists)
    assert len(str(caught.value)) < 600


def test_a_picture_of_too_many_pixels_is_refused_by_its_header(tmp_path, monkeypatch):
    def chunk(kind, content):
        return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")

    header = chunk(b"IHDR", (13_000).to_bytes(4, "big") * 2 + bytes([8, 0, 0, 0, 0]))
    bomb = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 13_001)) + chunk(b"IEND", b"")
    with pytest.raises(ViperError, match=r"row 1, column image: .*too many pixels"):
        read(tmp_path, {"image": base64.b64encode(bomb).decode()})


@pytest.mark.parametrize("size", [(1, 200), (2000, 10)])
def test_a_picture_as_long_as_processors_take_is_read(tmp_path, size):
    assert len(read(tmp_path, {"image": encoded(size)})) == 1


def test_pictures_are_unpacked_once_and_again_where_they_were_changed(tmp_path, monkeypatch):
    decoded = []
    opened = benchmark_tables.read_picture
    monkeypatch.setattr(
        benchmark_tables, "read_picture", lambda source, **options: decoded.append(1) or opened(source, **options)
    )
    rows = [{"image": str([PNG, encoded(color="blue", format="JPEG")])}, {"image": "0"}, {"image": f"[\n{PNG!r},]"}]
    found = read(tmp_path, *rows)
    assert [len(paths) for paths in found["image"]] == [2, 2, 1]
    assert found["image"][0] == found["image"][1]
    assert Image.open(found["image"][0][1]).format == "JPEG"
    assert len(decoded) == 3
    read(tmp_path, *rows)
    assert len(decoded) == 3
    Path(found["image"][0][0]).write_bytes(b"")
    read(tmp_path, *rows)
    assert len(decoded) == 4
    assert Path(found["image"][0][0]).read_bytes() == base64.b64decode(PNG)


def test_pictures_of_a_folder_stay_in_it(tmp_path):
    pictures = tmp_path / "pictures"
    (pictures / "sub").mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(pictures / "sub" / "a.png")
    Image.new("RGB", (8, 8)).save(tmp_path / "outside.png")
    (pictures / "link.png").symlink_to(tmp_path / "outside.png")
    (pictures / "text.png").write_text("no picture")
    (pictures / "loop.png").symlink_to("loop.png")
    (pictures / "there").symlink_to("back")
    (pictures / "back").symlink_to("there")
    Image.new("RGB", (1, 5000)).save(pictures / "long.png")

    def of(cell):
        path = tmp_path / "P.tsv"
        path.write_text(f"index\timage_path\tquestion\tanswer\n1\t{cell}\t?\tA\n")
        return read_benchmark(path, pictures)

    assert of("sub/a.png")["image"][0] == [str(pictures / "sub" / "a.png")]
    assert len(of("['sub/a.png', 'sub/a.png']")["image"][0]) == 2
    for cell in ("link.png", "missing.png", "text.png", "../outside.png", str(tmp_path / "outside.png"),
                 "loop.png", "there/a.png", "x" * 300, "/".join(["x" * 240] * 2), "long.png"):  # fmt: skip
        with pytest.raises(ViperError, match=r"P\.tsv, row 1, column image_path"):
            of(cell)


@pytest.mark.parametrize("error", [OSError(36, "File name too long"), PermissionError(13, "Permission denied")])
def test_a_file_that_the_system_does_not_look_up_is_named(tmp_path, monkeypatch, error):
    def refused(path):
        if path.name == "a.png":
            raise error
        return real(path)

    real = Path.is_file
    monkeypatch.setattr(Path, "is_file", refused)
    path = tmp_path / "P.tsv"
    path.write_text("index\timage_path\tquestion\tanswer\n1\ta.png\t?\tA\n")
    with pytest.raises(ViperError, match=rf"row 1, column image_path: 'a.png' .*cannot be reached.*{error.strerror}"):
        read_benchmark(path, tmp_path)


@pytest.mark.parametrize("name", ["x" * 300, "../a.png", r"['\ud800.png']"])
def test_pictures_to_fetch_are_named_like_files(tmp_path, name):
    path = tmp_path / "P.tsv"
    path.write_text(f"index\timage_path\tquestion\tanswer\n0\ta.png\t?\tA\n1\t{name}\t?\tA\n")
    with pytest.raises(ViperError, match=r"P\.tsv, row 2, column image_path"):
        benchmark_tables.named_pictures(path)


TEXTS = ["None", "N/A", "null", "NaN", "nan", "NA", "1e5", "007", "3.0", "1.0", "True", "=1+1", "a\tb", "a\nb",
    "a\rb", "a\r\nb",
         'say "x"', "'", "\u2028", "\x85", "\0", "é", "🙂", " x ", "-", "#", "\\n", "inf", "2020-01-01"]  # fmt: skip


def test_texts_stay_what_they_are(tmp_path):
    found = read(tmp_path, *({"question": text, "answer": text, "A": text, "hint": text} for text in TEXTS))
    for column in ("question", "answer", "A", "hint"):
        assert found[column].tolist() == TEXTS


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=20), min_size=1, max_size=5))
def test_any_text_stays_what_it_is(tmp_path_factory, texts):
    folder = tmp_path_factory.mktemp("texts")
    found = read(folder, *({"question": text, "category": text} for text in texts))
    assert found["question"].tolist() == found["category"].tolist() == texts


def test_what_is_empty_is_missing_only_where_it_may_be(tmp_path):
    found = read(tmp_path, {"A": "x", "hint": "", "category": "", "split": ""}, {"A": "", "hint": "look"})
    assert pd.isna(found["A"][1])
    assert pd.isna(found["hint"][0])
    assert found["category"].tolist() == found["split"].tolist() == ["", ""]


def test_rows_without_a_picture_are_left_out_and_indices_are_numbers_where_all_are(tmp_path):
    found = read(tmp_path, {"index": "3"}, {"image": ""}, {"index": "12"})
    assert found["index"].tolist() == [3, 12]
    for other in ("007", "1e5", "1.0", "x", "True"):
        assert read(tmp_path, {"index": "3"}, {"index": other})["index"].tolist() == ["3", other]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "lacks the column"),
        (b"index\tquestion\n", "lacks the column answer"),
        (b"index\tquestion\tanswer\n", "neither a column image nor image_path"),
        (b"index\tquestion\tanswer\timage\n", "holds no items"),
        (b"index\tquestion\tanswer\timage\timage\n", "has a column twice"),
        (b"index\tquestion\tanswer\timage\n1\t?\tA\n", "row 1 has 3 cells, the header 4"),
        (b"index\tquestion\tanswer\timage\n1\t?\tA\t\xff\xfe\n", "no table of text"),
        (b'index\tquestion\tanswer\timage\n1\t?\tA\t"open\n', "no table of text"),
    ],
)
def test_what_is_no_benchmark_is_named(tmp_path, content, message):
    path = tmp_path / "B.tsv"
    path.write_bytes(content)
    with pytest.raises(ViperError, match=rf"B\.tsv.*{message}"):
        read_benchmark(path, tmp_path / "pictures")
    with pytest.raises(ViperError, match="no such file"):
        read_benchmark(tmp_path / "none.tsv", tmp_path / "pictures")


@given(st.lists(st.text(max_size=30), max_size=8))
def test_a_list_is_read_as_python_writes_it(texts):
    assert read_list(str(texts)) == texts


@given(st.text(alphabet="[]()'\",\\ ab{}:.\n0", max_size=40))
def test_what_is_read_as_a_list_is_one(cell):
    import ast

    try:
        found = read_list(cell)
    except benchmark_tables.CellError:
        return
    assert ast.literal_eval(cell.strip()) == found
