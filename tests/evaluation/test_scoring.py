"""Every form of an answer through the official scorer of every benchmark; answers that look like anything but text."""

import base64
import io
import json

import pandas as pd
import pytest
from PIL import Image

from answer_forms import CHOICE, NOTHING, OPTIONS, TEXT, YES_NO
from microworld.benchmarks import BENCHMARKS as MICRO
from viper.config.evaluation import Asking
from viper.errors import ViperError
from viper.evaluation.registry import OFFICIAL, scoring
from viper.evaluation.run import evaluate
from viper.evaluation.scoring import Mantis, RealWorld, Relations, YesOrNo
from viper.evaluation.vlmevalkit import import_vlmeval
from viper.files import write_table
from viper.reading import read_table

ASKING = Asking(max_new_tokens=8)
ODD = ["None", "N/A", "null", "NaN", "nan", "NA", "1e5", "007", "1.0", "True", "", " ", "=1+1", 'say "x"', "'", "a\tb",
       "a\nb", "a\rb", "a\r\nb", "\0", "\ud83d\ude42", "\ufeffx", "x" * 100_000, "[" * 1000, "{{ x }}", "{question}",
       "%s", "\\", "-", "inf", "Failed to obtain answer via API.",
       "https://example.org/x.png", "/etc/passwd", ".", "<answer>"]  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def vlmeval():
    """VLMEvalKit's modules can be imported."""
    import_vlmeval()


class Says:
    """A VLM that says these things, one after the other."""

    def __init__(self, answers):
        self.answers = list(answers)

    def answer(self, chats, *, max_new_tokens, temperature=0.0, seeds=()):
        said, self.answers = self.answers[: len(chats)], self.answers[len(chats) :]
        return said


def is_a(name, *kinds) -> bool:
    """Whether a benchmark is scored in one of these ways."""
    return isinstance(scoring(name), kinds)


def picture() -> str:
    buffer = io.BytesIO()
    Image.new("RGB", (32, 32), "red").save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def rows_for(name: str, number: int, options: dict[str, str], truth: str) -> list[dict]:
    """An item, in the form that the benchmark wants; CRPE's four times."""
    row = {"index": number, "image": picture(), "question": f"What is {number // 2}?", "answer": truth, **options}
    if is_a(name, YesOrNo):
        row = {"index": f"VD_x_0_{number}_0_0", "l2-category": "x", "category": "VD"} | {
            **row,
            "index": f"VD_x_0_{number}_0_0",
        }
    if is_a(name, RealWorld):
        lines = [f"({letter}) {text}" for letter, text in options.items()]
        choices = str(lines) if name.endswith("Lite") else "\n".join(lines)
        row |= {"category": "Perception/Remote Sensing", "l2-category": "color", "multi-choice options": choices}
    if is_a(name, Relations):
        lines = "".join(f"\n{letter}. {text}" for letter, text in options.items())
        row = {
            "image": picture(),
            "category": "subject",
            "question": f"What?{lines}",
            "answer": f"{truth}. {options[truth]}",
        }
        return [row | {"index": 4 * number + turn} for turn in range(4)]
    return [row]


def score(name, folder, forms, options, truth):
    """Evaluate answers of these forms, each to a question with these options."""
    path = folder / f"{name}.tsv"
    items = [rows_for(name, number, options, truth) for number in range(len(forms))]
    write_table(path, pd.DataFrame([row for item in items for row in item], dtype=object))
    said = [form for form, item in zip(forms, items, strict=True) for _ in item]
    return evaluate(Says(said), [path], ASKING)[name]


def readings(result):
    return [json.loads(cell)[0] if cell.startswith("[") else cell for cell in result.items["reading"]]


@pytest.mark.parametrize("name", [name for name in (*MICRO, *OFFICIAL) if not is_a(name, YesOrNo)])
def test_every_form_of_an_option_is_scored_as_it_is_read(name, tmp_path):
    forms = list(CHOICE) + [""] * (len(CHOICE) % 2)  # MMVP wants pairs
    options = OPTIONS | {"E": "something else"} if is_a(name, RealWorld) else OPTIONS
    forms = [form for form in forms if not is_a(name, RealWorld) or form != "E"]
    result = score(name, tmp_path, forms, options, "B")
    for form, hit, how in zip(forms, result.items["hit"], readings(result), strict=True):
        letter, expected = CHOICE[form]
        is_text = expected == "text"
        if is_a(name, RealWorld) and (is_text or form in ("red cat or blue dog", "not the blue dog")):
            letter, expected = "Z", "none"
        assert (hit, how) == (letter == "B", expected), form


@pytest.mark.parametrize("name", ["HallusionBench", "MicroHallusion"])
@pytest.mark.parametrize("truth", ["Yes", "No"])
def test_every_form_of_yes_and_no_is_scored_as_it_is_read(name, truth, tmp_path):
    result = score(name, tmp_path, list(YES_NO), {}, truth)
    for (form, (word, expected)), hit, how in zip(YES_NO.items(), result.items["hit"], readings(result), strict=True):
        assert (hit, how) == (word == truth, expected), form


@pytest.mark.parametrize("name", ["Mantis-Eval", "MicroMantis"])
@pytest.mark.parametrize("truth", ["two", "None", "007", "Z", NOTHING[1:-1], "1.0"])
def test_every_form_of_a_short_answer_is_scored_as_it_is_read(name, truth, tmp_path):
    result = score(name, tmp_path, list(TEXT), {}, truth)
    for (form, (text, expected)), hit, how in zip(TEXT.items(), result.items["hit"], readings(result), strict=True):
        assert (hit, how) == (" ".join(text.lower().rstrip(".!").split()) == truth.lower(), expected), form


@pytest.mark.parametrize("name", [*MICRO, *OFFICIAL])
def test_an_answer_may_be_any_text_and_is_kept_as_it_was_said(name, tmp_path):
    forms = ODD + ["B"] * (2 - len(ODD) % 2)  # MMVP wants pairs
    kind = {} if is_a(name, YesOrNo, Mantis) else OPTIONS | ({"E": "x"} if is_a(name, RealWorld) else {})
    truth = "No" if is_a(name, YesOrNo) else "B"
    result = score(name, tmp_path, forms, kind, truth)
    write_table(tmp_path / "items.tsv", result.items)
    back = read_table(tmp_path / "items.tsv", numbers=["hit"])
    kept = (
        [json.loads(cell)[0] for cell in back["prediction"]] if is_a(name, Relations) else back["prediction"].tolist()
    )
    assert kept == ["🙂" if form == "\ud83d\ude42" else form for form in forms]
    assert [bool(hit) for hit in back["hit"]] == [form == "B" and truth == "B" for form in forms]


def test_half_a_surrogate_pair_is_replaced(tmp_path):
    result = score("MicroStar", tmp_path, ["B \ud83d", "\udc00"], OPTIONS, "B")
    assert result.items["prediction"].tolist() == ["B \ufffd", "\ufffd"]


@pytest.mark.parametrize("text", ["None", "nan", "NA", "3.0", "007", "True", "1e5", "=1+1"])
@pytest.mark.parametrize("name", ["MicroStar", "MicroCRPE", "MicroMantis", "BLINK"])
def test_an_option_may_be_any_text(name, text, tmp_path):
    options = {"A": "3", "B": text, "C": "", "D": "missing"}
    options = options | {"C": "else"} if is_a(name, Relations) else options
    result = score(name, tmp_path, [text, f"B. {text}", "B", "3", "C", f"A. {text}"], options, "B")
    assert result.items["hit"].tolist() == [1, 1, 1, 0, 0, 0]


def test_what_cannot_be_read_is_counted_and_much_of_it_is_a_warning(tmp_path, caplog):
    result = score("MicroStar", tmp_path, ["B", "A or B", "", "B."] + ["B"] * 16, OPTIONS, "B")
    assert result.readings == {"ambiguous": 1, "exact": 17, "letter": 1, "none": 1}
    assert not [record for record in caplog.records if record.levelname == "WARNING" and "MicroStar" in record.message]
    score("MicroStar", tmp_path, ["B", "A or B", "", "A"], OPTIONS, "B")
    assert "MicroStar: of 4 answers, 1 ambiguous and 1 none: these count as wrong" in caplog.text


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("MicroCRPE", {"category": "objects"}, "item 0: its category is not one of exist"),
        ("MicroHighRes", {"category": "Perception"}, "item 0: its category is not one of Perception"),
        ("MicroHighRes", {"category": "Perception/Else"}, "item 0: its category is not one of Perception"),
        ("MicroHallusion", {"index": "VD_0_0"}, "item VD_0_0: its index is not VD_"),
        ("MME-RealWorld-Lite", {"multi-choice options": "open('x')"}, "row 1, column multi-choice options"),
        ("MicroStar", {"image": "[open('x', 'w')]"}, "row 1, column image"),
    ],
)
def test_what_its_class_would_stop_at_stops_a_benchmark_before_a_model_is_asked(name, change, message, tmp_path):
    class Never:
        def answer(self, *_, **__):
            raise AssertionError("asked")

    good, path = tmp_path / "MicroBlink.tsv", tmp_path / f"{name}.tsv"
    write_table(good, pd.DataFrame(rows_for("MicroBlink", 0, OPTIONS, "B"), dtype=object))
    table = pd.DataFrame([row | change for row in rows_for(name, 0, OPTIONS, "B")[:1]], dtype=object)
    write_table(path, table)
    with pytest.raises(ViperError, match=message):
        evaluate(Never(), [good, path], ASKING)
