"""The page on which people judge, their agreement, and the answers: nothing is made up, and nothing runs."""

import csv
import io
import re
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from typer.testing import CliRunner

from viper.analysis.figures import style
from viper.analysis.verdicts import NOT_MEASURED
from viper.commands import build
from viper.errors import ViperError
from viper.pictures import png
from viper.plotting import plt
from viper.questions.inspection import agreement, figure, table
from viper.questions.inspection.items import COLUMNS, KEY, NO, UNSURE, YES, Item, draw, page_of
from viper.questions.inspection.page import page
from viper.synthesis.assemble import Shards
from viper.synthesis.refinements import NOTHING
from viper.synthesis.rows import pack_image, write_rows
from viper.synthesis.schemas import SCHEMAS

HOSTILE = '</blockquote><script>console.error("ran")</script><img src=x onerror=console.error(1)>" onclick="x'
OPTIONS = SimpleNamespace(confidence=0.95, resamples=200, seed=0)


class Reader(HTMLParser):
    """Collects the elements of a page, their attributes, and its texts."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.attributes, self.texts = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append(tag)
        self.attributes += [(name, value or "") for name, value in attributes]

    def handle_data(self, data):
        self.texts.append(data)


def picture(color, size=(64, 64)):
    return png(Image.new("RGB", size, color))


def item(number=0, refinements=("The star is red.", "The caption misses a ring."), caption="A star.", **other):
    fields = {"seed": 0, "lineage": "base", "id": f"i{number}", "image": picture("red"), "picture": "image"}
    fields |= {"reconstruction": picture("blue"), "caption": caption, "refinements": refinements}
    return Item(**(fields | other))


# --- the page


def test_the_page_needs_no_network_and_nothing_that_a_model_wrote_becomes_markup():
    text = page([item(refinements=(HOSTILE,), caption=HOSTILE)], 512)
    reader = Reader(text)
    assert reader.elements.count("script") == 1
    assert reader.elements.count("img") == 2
    assert all(
        value.startswith("data:image/") for name, value in reader.attributes if name in ("src", "href", "action")
    )
    assert not [name for name, _ in reader.attributes if name.startswith("on")]
    assert reader.texts.count(HOSTILE) == 2
    assert "default-src 'none'; img-src data:;" in text


def test_large_pictures_are_shrunk_and_small_ones_kept(tmp_path):
    import base64

    text = page([item(image=picture("red", (2000, 1000)), reconstruction=picture("blue"))], 300)
    kinds = dict(re.findall(r'src="data:image/(\w+);base64,([^"]+)"', text))
    assert Image.open(io.BytesIO(base64.b64decode(kinds["jpeg"]))).size == (300, 150)
    assert base64.b64decode(kinds["png"]) == picture("blue")


STEPS = """
document.querySelectorAll("fieldset").forEach((row, number) => {
  const choices = row.querySelectorAll("input");
  if (number !== 1) choices[number % 3].click();
});
seen.push(document.getElementById("count").textContent, document.images.length, document.scripts.length);
let saved = null;
URL.createObjectURL = (blob) => { saved = blob; return "#"; };
HTMLAnchorElement.prototype.click = function () { seen.push(this.download); };
document.getElementById("judge").value = "A. Judge/../x";
document.getElementById("save").click();
seen.push(await saved.text());
"""


def opened(items, folder):
    """A page whose policy lets the browser's own scripts run; that policy itself is looked at elsewhere."""
    path = folder / "sheet.html"
    text = page(items, 512)
    policy = re.search(r'<meta http-equiv="Content-Security-Policy"[^>]*>', text)
    path.write_text(text.replace(policy[0], ""), encoding="utf-8")
    return path


def test_a_browser_saves_what_is_ticked_and_runs_nothing_else(visit, tmp_path):
    (tmp_path / "page").mkdir()
    items = [item(refinements=(HOSTILE, "two")), item(1, refinements=(), id='odd, "id"')]
    errors, seen = visit(opened(items, tmp_path / "page"), STEPS)
    assert not errors
    count, images, scripts, name, saved = seen
    assert (count, images) == ("3 of 4 judged", 4)
    assert scripts == 3  # the page's own, and the browser's two
    assert name == "inspection-A-Judge-x.csv"
    rows = list(csv.reader(io.StringIO(saved)))
    assert rows[0] == COLUMNS
    assert [row[-1] for row in rows[1:]] == [YES, "", UNSURE, YES]
    assert {row[0] for row in rows[1:]} == {page_of(items)}
    (tmp_path / "saved.csv").write_text(saved)
    judged = agreement.read_judgements(tmp_path / "saved.csv")
    agreement.same_page({"page": table.blank(items).assign(judgement=""), "person": judged})


def test_the_policy_lets_the_pages_own_script_run_and_no_other(visit, tmp_path):
    """As it is handed out: the browser's scripts are refused, the page's own has counted."""
    (tmp_path / "page").mkdir()
    text = page([item()], 512)
    # What the test itself puts in is known to the policy too, so that only the page's own hash is in question.
    assert len(re.findall(r"sha256-", text)) == 1
    (tmp_path / "page" / "sheet.html").write_text(
        text.replace("script-src ", "script-src 'nonce-t' "), encoding="utf-8"
    )
    path = tmp_path / "page" / "sheet.html"
    import subprocess

    import browser

    result = subprocess.run(
        [browser.CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
         f"--user-data-dir={tmp_path / 'p2'}", "--virtual-time-budget=5000", "--dump-dom", path.as_uri()],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert "0 of 3 judged" in result.stdout


# --- what is looked at


def synthesis(folder, lineage, captions, failures, seed=0):
    """Tables of one shard: images, reconstructions and critiques, some of which failed."""
    made = {"lineage": lineage, "prompt_name": "p", "seed": seed}
    rows = {
        "images": [{"id": name, "image": pack_image(Image.new("RGB", (8, 8))), "source": ""} for name in captions],
        "reconstructions": [
            {"id": name, "image": pack_image(Image.new("RGB", (8, 8), "red")), "failure": "", **made}
            for name in captions
        ],
        "critiques": [
            {"id": name, "picture": "image", "caption": f"{lineage} {name}", "refinements": ["one"], "completion": "",
             "failure": failures.get(name, ""), **made}
            for name in captions
        ],
    }  # fmt: skip
    paths = {}
    for step, found in rows.items():
        paths[step] = folder / lineage / step / f"seed{seed}" / "shard0.parquet"
        paths[step].parent.mkdir(parents=True, exist_ok=True)
        write_rows(paths[step], found, SCHEMAS[step].columns)
    return Shards({step: [path] for step, path in paths.items()})


def test_the_same_reconstructions_are_shown_of_every_lineage(tmp_path):
    names = [f"i{number}" for number in range(8)]
    runs = {
        ("base", 0): synthesis(tmp_path, "base", names, {"i0": "broken format"}),
        ("base~paper", 0): synthesis(tmp_path, "base~paper", names, {"i1": NOTHING, "i2": "flat reconstruction"}),
    }
    items = draw(runs, 6, seed=0)
    assert len(items) == 12
    assert {each.id for each in items} == set(names) - {"i0", "i2"}
    assert [each.id for each in items[::2]] == [each.id for each in items[1::2]]
    assert items == draw(runs, 6, seed=0)
    assert [each.id for each in draw(runs, 3, seed=0)[::2]] != [each.id for each in draw(runs, 3, seed=1)[::2]]
    with pytest.raises(ViperError, match="7 reconstructions are to be inspected, and 6 can be"):
        draw(runs, 7, seed=0)


# --- judgements that are read


def judged(items, choose):
    rows = table.blank(items)
    return rows.assign(judgement=[choose(number) for number in range(len(rows))])[["judgement"]]


def write(frame, path):
    frame.reset_index()[COLUMNS].to_csv(path, index=False)
    return path


ITEMS = [item(number) for number in range(20)]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: "", "no header"),
        (lambda text: text.splitlines()[0], "judges nothing"),
        (lambda text: text.replace("judgement", "verdict"), "lacks the column judgement"),
        (lambda text: text.replace(",yes", ",maybe", 1), "'maybe' is none of"),
        (lambda text: text + text.splitlines()[1] + "\n", "the same part as line 2"),
        (lambda text: text.replace(page_of(ITEMS), "other", 1), "is of the page"),
        (lambda text: text.replace(",yes", ",yes,no", 1), "cells"),
        (lambda text: text + '"open', "no table"),
    ],
)
def test_bad_files_stop_with_one_message(tmp_path, damage, message):
    path = write(judged(ITEMS, lambda number: YES if number % 2 else NO), tmp_path / "a.csv")
    path.write_text(damage(path.read_text()))
    with pytest.raises(ViperError, match=message) as error:
        agreement.read_judgements(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_files_that_are_not_utf8_and_files_that_are_not_there(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ViperError, match="not UTF-8"):
        agreement.read_judgements(tmp_path / "a.csv")
    with pytest.raises(ViperError, match="missing"):
        agreement.read_judgements(tmp_path / "b.csv")


@given(st.text(max_size=300))
@settings(max_examples=60)
def test_no_text_is_a_traceback(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("texts") / "a.csv"
    path.write_text(text, encoding="utf-8", newline="")
    with pytest.raises(ViperError):
        agreement.read_judgements(path)


def test_judgements_of_other_pages_or_parts_are_refused():
    first = judged(ITEMS, lambda number: YES)
    with pytest.raises(ViperError, match="name judgements of the same page"):
        agreement.same_page({"a": first, "b": judged(ITEMS[:3], lambda number: YES)})
    with pytest.raises(ViperError, match="1 parts are only in one of them"):
        agreement.same_page({"a": first, "b": first.iloc[1:]})


# --- agreement


def two(first, second):
    return agreement.same_page({"a": judged(ITEMS, first), "b": judged(ITEMS, second)})


def test_kappa_is_one_of_the_same_and_about_nought_of_chance():
    rng = np.random.default_rng(0)
    said = rng.choice([YES, NO, UNSURE], 60)
    same = agreement.agreement(two(said.__getitem__, said.__getitem__), 0.95)
    assert same["kappa"].tolist() == [1.0, 1.0]
    other = rng.choice([YES, NO], 60)
    chance = agreement.agreement(two(said.__getitem__, other.__getitem__), 0.95)
    assert (chance["low"] < 0).all()
    assert (chance["high"] > 0).all()


def test_only_what_both_judged_counts_and_saying_one_thing_has_no_kappa():
    table_ = agreement.agreement(two(lambda n: YES, lambda n: YES if n % 2 else ""), 0.95)
    assert table_["number"].sum() == 30
    assert table_["kappa"].isna().all()
    assert "not defined" in agreement.told(table_)[0]


def test_the_published_example_of_kappa():
    """Cohen's own two-by-two case as it is usually taught: 20 and 15 agreed on of 50, kappa 0.4."""
    pairs = [(YES, YES)] * 20 + [(YES, NO)] * 5 + [(NO, YES)] * 10 + [(NO, NO)] * 15
    assert agreement.kappa(pd.DataFrame(pairs)) == pytest.approx(0.4)


# --- answers


def of_sources(**sources):
    return agreement.same_page({table.TRUTH if name == "truth" else name: each for name, each in sources.items()})


def answers_of(found, kappa=0.6):
    agreed = None
    if found is not None:
        agreed = agreement.agreement(found, 0.95)
    return {row["claim"]: row for row in table.claims(["base"], found, agreed, kappa, OPTIONS)}


def test_without_people_nothing_is_said_of_people():
    truth = judged(ITEMS, lambda number: YES if number % 5 else NO)
    found = answers_of(of_sources(truth=truth))
    by_truth = found["base_match_by_truth"]
    assert by_truth["verdict"] == "supported"
    assert "the checker's reading of painted ones" in by_truth["text"]
    assert "the checker's reading of painted ones" in by_truth["sentence"], "no eye has seen what was painted"
    for name in ("base_match_by_people", "people_agree", "truth_agrees"):
        assert found[name]["verdict"] == NOT_MEASURED
        assert np.isnan(found[name]["measured"])
        assert "not measured" in found[name]["sentence"]


def test_without_truth_and_people_nothing_is_measured():
    assert {row["verdict"] for row in answers_of(None).values()} == {NOT_MEASURED}


def test_two_people_and_the_truth_are_held_to_each_other():
    rng = np.random.default_rng(2)
    truth = rng.choice([YES, NO], 60)
    noisy = np.where(rng.random(60) < 0.03, NO, truth)
    found = answers_of(
        of_sources(
            a=judged(ITEMS, truth.__getitem__),
            b=judged(ITEMS, noisy.__getitem__),
            truth=judged(ITEMS, truth.__getitem__),
        )
    )
    assert found["people_agree"]["verdict"] == "supported"
    assert found["truth_agrees"]["verdict"] == "supported"
    assert found["base_match_by_people"]["verdict"] in ("inconclusive", "supported", "not supported")


def test_a_coin_is_not_called_a_match():
    """Where half of the refinements match, 'most do' is called supported in 2.5 % of experiments at most."""
    rng, supported = np.random.default_rng(6), 0
    items = [item(number, seed=number % 3) for number in range(48)]
    for _ in range(60):
        said = rng.choice([YES, NO], 3 * len(items))
        found = agreement.same_page({table.TRUTH: judged(items, said.__getitem__)})
        row = table.claims(["base"], found, None, 0.6, OPTIONS)[0]
        assert row["seeds"] == 3
        supported += row["verdict"] == "supported"
    assert supported <= 5


def test_shares_leave_out_what_was_not_judged():
    rows = table.shares(of_sources(a=judged(ITEMS, lambda n: YES if n % 2 else "")), 0.95)
    assert rows["number"].sum() == 30
    assert set(rows["share"]) == {1.0}


def test_the_figure_is_drawn_with_judges_and_without():
    style.use_style()
    full = table.shares(of_sources(a=judged(ITEMS, lambda n: YES), truth=judged(ITEMS, lambda n: NO)), 0.95)
    for rows in (full, full[:0]):
        drawn = figure.draw(rows)
        plt.close(drawn)
    assert "a" in figure.caption(full, 0.95)
    assert "nobody" in figure.caption(full[full["judge"] == table.TRUTH], 0.95)


def test_the_command_prints_agreement(tmp_path):
    paths = [write(judged(ITEMS, lambda n, k=k: YES if n % (2 + k) else NO), tmp_path / f"{k}.csv") for k in range(2)]
    result = CliRunner().invoke(
        build(), ["inspection-agreement", *map(str, paths), "--output", str(tmp_path / "o.csv")]
    )
    assert result.exit_code == 0, result.output
    assert "Cohen's kappa" in result.output
    assert list(pd.read_csv(tmp_path / "o.csv").columns) == agreement.AGREEMENT


def test_few_pictures_are_no_certainty():
    """Full agreement leaves the jackknife without width; what one more part would change is left."""
    rng = np.random.default_rng(0)
    for parts in (2, 3, 5, 50, 400):
        said = np.array([YES, NO])[np.append([0, 1], rng.integers(0, 2, parts - 2))]
        index = pd.MultiIndex.from_tuples([("p", "base", 0, f"{n}", "0") for n in range(parts)], names=KEY)
        found = agreement.agreement(pd.DataFrame({"a": said, "b": said}, index=index), 0.95).iloc[0]
        assert found["kappa"] == 1
        assert 0 < 1 - found["low"] <= 2 / parts + 0.35
        assert (found["low"] > 0.6) == (parts >= 5)


ENCODED = {
    "another name": lambda path, text: path.write_text(text),
    "a byte order mark": lambda path, text: path.write_text(text, encoding="utf-8-sig"),
    "Windows' line ends": lambda path, text: path.write_bytes(text.replace("\n", "\r\n").encode()),
    "another order of rows": lambda path, text: path.write_text(
        "\n".join([text.splitlines()[0], *reversed(text.splitlines()[1:])]) + "\n"
    ),
    "another order of columns": lambda path, text: pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)[
        COLUMNS[::-1]
    ].to_csv(path, index=False),
}


@pytest.mark.parametrize("copied", ENCODED)
@pytest.mark.parametrize("as_truth", [False, True])
def test_a_copy_is_no_second_person(tmp_path, copied, as_truth):
    first = write(judged(ITEMS, lambda number: (YES, NO, UNSURE)[number % 3]), tmp_path / "a.csv")
    other = write(judged(ITEMS, lambda number: (YES, NO, NO)[number % 3]), tmp_path / "b.csv")
    copy = tmp_path / "copy.csv"
    ENCODED[copied](copy, first.read_text())
    names = [str(first), "--truth", str(copy)] if as_truth else [str(first), str(other), str(copy)]
    said = CliRunner().invoke(build(), ["inspection-agreement", *names])
    assert isinstance(said.exception, ViperError), said.output
    assert "hold the same judgements" in str(said.exception)
    assert CliRunner().invoke(build(), ["inspection-agreement", str(first), str(other)]).exit_code == 0


def test_a_file_named_twice_is_one_person(tmp_path):
    path = write(judged(ITEMS, lambda number: YES), tmp_path / "a.csv")
    said = CliRunner().invoke(build(), ["inspection-agreement", str(path), str(path)])
    assert isinstance(said.exception, ViperError)
    assert "named twice" in str(said.exception)


def test_who_is_called_as_the_truth_is_named_by_the_path(tmp_path):
    first, second = tmp_path / "the truth.csv", tmp_path / "b.csv"
    assert agreement.names([first, second]) == [str(first), str(second)]


@pytest.mark.parametrize("name", ["bad\udcff.csv", "new\nline.csv", "\x1b[31mred.csv"])
def test_file_names_of_any_bytes_are_told_as_text(tmp_path, name):
    paths = [
        write(judged(ITEMS, lambda number: (YES, NO, UNSURE)[number % 3]), tmp_path / name),
        write(judged(ITEMS, lambda number: (YES, NO, NO)[number % 3]), tmp_path / "b.csv"),
    ]
    table = tmp_path / "o.csv"
    said = CliRunner().invoke(build(), ["inspection-agreement", *map(str, paths), "--output", str(table)])
    assert said.exit_code == 0, said.output
    assert "\\x" in pd.read_csv(table)["first"][0]


def test_judgements_are_not_overwritten_by_what_is_told_of_them(tmp_path):
    paths = [
        write(judged(ITEMS, lambda number, k=k: (YES, NO, k)[number % 3]), tmp_path / f"{k}.csv") for k in (NO, YES)
    ]
    before = paths[0].read_bytes()
    for place in (paths[0], tmp_path / ".." / tmp_path.name / paths[0].name):
        said = CliRunner().invoke(build(), ["inspection-agreement", *map(str, paths), "--output", str(place)])
        assert isinstance(said.exception, ViperError)
        assert "would be overwritten" in str(said.exception)
        assert paths[0].read_bytes() == before
