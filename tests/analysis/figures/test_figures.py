"""Every figure from a table of its kind: the published figures are in it, and equal tables are equal files."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from viper.analysis.benchmark_names import own_names
from viper.analysis.figures import (
    attention_maps,
    loop_examples,
    main,
    radar,
    reward_curves,
    speed,
    style,
    subdomain_bars,
    word_cloud,
)
from viper.analysis.published import BENCHMARKS, OVERALL, SUBDOMAINS, published
from viper.analysis.words import COLUMNS as WORDS
from viper.errors import ViperError
from viper.plotting import plt
from viper.synthesis.rows import pack_image

LINEAGES = ["base", "base.csr.vop", "base.new"]


@pytest.fixture(autouse=True)
def _style():
    style.use_style()
    yield
    plt.close("all")


def scores(columns):
    known = published().set_index(["model", "lineage", "column"])["score"]
    rows = [
        {
            "lineage": lineage,
            "column": column,
            "imitates": "",
            "score": 40.0 + 3 * number,
            "low": 35.0 + 3 * number,
            "high": 46.0 + 3 * number,
            "difference": 3.0 * number if number else np.nan,
            "difference_low": 3.0 * number - 2 if number else np.nan,
            "difference_high": 3.0 * number + 2 if number else np.nan,
            "compared_with": "base" if number else np.nan,
            "seeds": 3,
            "published_3B": known.get(("3B", lineage, column)),
        }
        for number, lineage in enumerate(LINEAGES)
        for column in columns
    ]
    return pd.DataFrame(rows)


def crossed(step=4.0, outcome="overtakes"):
    row = {"lineage": "base.new", "compared_with": "base.csr.vop", "run": "mean", "step": step, "published": 300}
    return pd.DataFrame([row | {"outcome": outcome}])


def curves():
    rows = [
        {"lineage": lineage, "stage": stage, "step": step, "seeds": 3, "low": 0.1 * step, "high": 0.3 * step}
        | {"reward": 0.2 * step, "smoothed": 0.2 * step}
        for lineage in LINEAGES[1:]
        for stage, steps in (("base.csr", (1, 2, 3)), (lineage, (4, 5, 6)))
        for step in steps
    ]
    return pd.DataFrame(rows)


STATEMENT = "The *small* ring was removed."


def attention():
    picture = io.BytesIO()
    Image.new("RGB", (64, 64), "gray").save(picture, format="PNG")
    methods = ("last layer", "rollout")
    shares = [
        {"lineage": lineage, "method": method, "share": 40, "low": 30, "high": 50, "area": 25, "pairs": 4, "seeds": 3}
        for lineage in LINEAGES
        for method in methods
    ]
    maps = [
        {"id": name, "method": method, "lineage": lineage, "share": 0.4, "rows": 2, "columns": 3}
        | {"statement": STATEMENT}
        | {"changed": [True] * 2 + [False] * 4, "after": np.arange(6) / 30, "picture": picture.getvalue()}
        for name in ("a", "b")
        for method in methods
        for lineage in LINEAGES
    ]
    return pd.DataFrame(maps), pd.DataFrame(shares)


def words(*terms):
    rows = [[term, 1, 0, 9, 0.0, 9.0, 1.0, 9.0 - number] for number, term in enumerate(terms)]
    return pd.DataFrame(rows, columns=WORDS)


def turn(caption, refinements, operations):
    pictures = dict.fromkeys(("seed", "reconstruction", "edit"), pack_image(Image.new("RGB", (64, 64))))
    texts = {"caption": caption, "refinements": refinements, "operations": operations}
    start = {"criticized": caption, "picture": "image", "prepared": [], "preparation": ""}
    return pictures | start | texts


def ratios():
    row = {"what": "reward", "shape": "micro", "ratio": 4.0, "low": 3.0, "high": 5.0, "target": 2.0}
    return pd.DataFrame([row, row | {"what": "rollouts", "ratio": 8.0, "high": 9.5}])


FIGURES = {
    "main": lambda: main.draw(scores([*BENCHMARKS, OVERALL]), "3B"),
    "bars": lambda: subdomain_bars.draw(scores([*SUBDOMAINS, "MMStar"]), "3B"),
    "radar": lambda: radar.draw(scores([*SUBDOMAINS, "MMStar"]), "3B"),
    "rewards": lambda: reward_curves.draw(curves(), crossed()),
    "attention": lambda: attention_maps.draw(*attention()),
    "words": lambda: word_cloud.draw(words("look", "closely", "zoom"), "base.csr", 0),
    "loop": lambda: loop_examples.draw([turn("a cup, left of a plate", ["The cup is red."], ["make it blue"])]),
    "speed": lambda: speed.draw(ratios()),
}


@pytest.mark.parametrize("name", FIGURES)
def test_equal_tables_are_equal_files_as_wide_as_a_column_or_the_page(name, tmp_path):
    for number in (1, 2):
        figure = FIGURES[name]()
        assert figure.get_figwidth() == pytest.approx(6.9 if name == "loop" else 3.4)
        for suffix in (".png", ".svg"):
            style.save(figure, tmp_path / f"{number}{suffix}")
    for suffix in (".png", ".svg"):
        assert (tmp_path / f"1{suffix}").read_bytes() == (tmp_path / f"2{suffix}").read_bytes()


def test_the_caption_of_attention_says_what_is_stated_of_each_pair_once():
    told = attention_maps.caption(*attention(), 0.95)
    assert told.count('"The \\*small\\* ring was removed."') == 2


@pytest.mark.parametrize(("name", "expected"), [("main", 16), ("bars", 10), ("radar", 8)])
def test_published_figures_are_drawn_where_the_paper_has_them(name, expected):
    """Of two models: all 8 columns of the main table; 4 of 6 sub-domains, and in the bars MMStar as a whole."""
    drawn = [path for path in FIGURES[name]().axes[0].collections if type(path).__name__ == "PathCollection"]
    points = [point for path in drawn for point in np.ma.getdata(path.get_offsets())]
    assert sum(np.isfinite(point).all() for point in points) == expected


@pytest.mark.parametrize(
    ("module", "columns"),
    [
        (main, [*BENCHMARKS, OVERALL]),
        (subdomain_bars, [*SUBDOMAINS, "MMStar"]),
        (radar, [*SUBDOMAINS, "MMStar"]),
    ],
)
def test_no_figure_puts_a_published_score_beside_a_drawn_benchmark(module, columns):
    table = own_names(scores(columns), {name: f"Micro{name}" for name in BENCHMARKS})
    figure = module.draw(table, "3B")
    drawn = [path for axes in figure.axes for path in axes.collections if type(path).__name__ == "PathCollection"]
    assert not [point for path in drawn for point in np.ma.getdata(path.get_offsets()) if np.isfinite(point).all()]
    assert not [text for legend in figure.legends for text in legend.texts if "published" in text.get_text()]
    assert "Open markers" not in module.caption(table, 0.95)
    assert "MicroMMStar (as MMStar)" in module.caption(table, 0.95) or module is main
    if module is main:
        assert "MicroMMStar\n(as MMStar)" in [label.get_text() for label in figure.axes[0].get_yticklabels()]


def test_every_lineage_has_its_own_look():
    checkpoints = ["base", "base.one", "base.csr", "base.two"]
    looks = style.looks([*checkpoints, *(f"{name}+look" for name in checkpoints)])
    assert len({look.color for look in looks.values()}) == len({look.label for look in looks.values()}) == 8
    assert looks["base.csr"] == style.looks(["base.csr"])["base.csr"]
    assert looks["base.one+look"].marker == looks["base.one"].marker


def test_the_caption_tells_how_the_curves_ended():
    assert "From step 4 on, base.csr.vop stays ahead of base.new" in reward_curves.caption(curves(), crossed(), 9)
    behind = reward_curves.caption(curves(), crossed(np.nan, "not ahead at the end"), 9)
    assert "base.csr.vop against base.new: not ahead at the end" in behind


def test_what_a_model_wrote_is_drawn_as_text(tmp_path):
    hostile = ["<script>alert(1)</script>", "$\\frac{1}{0}$", "$x"]
    style.save(word_cloud.draw(words(*hostile), "base.csr", 0), tmp_path / "a.svg")
    assert "<script" not in Path(tmp_path / "a.svg").read_text()


def test_the_loop_shows_what_models_wrote_as_text_and_cuts_what_is_too_long(tmp_path):
    long = "A menu has tea for $5 and cake for $6. " * 40
    figure = loop_examples.draw([turn(long, ["The sign says $\\tea, not $5."], ["$x"])])
    texts = [panel.texts[0].get_text() for panel in figure.axes]
    assert texts[1:] == ["The sign says $\\tea, not $5.", "$x"]
    assert texts[0].count("\n") == 11
    assert texts[0].endswith(" …")
    style.save(figure, tmp_path / "loop.png")


def test_a_long_caption_leaves_room_for_what_has_to_change_in_it():
    said = [f"The object at the middle left is a small red star, and not number {number}." for number in range(3)]
    long = "A small blue square is at the top left. " * 10
    figure = loop_examples.draw([turn("A ring.", said, ["x"]) | {"picture": "reconstruction", "criticized": long}])
    shown = figure.axes[1].texts[0].get_text()
    assert " ".join(said) in " ".join(shown.split("\n"))
    assert shown.startswith("“A small blue square")
    assert shown.count("\n") == 11


def test_more_sentences_than_lines_are_cut_off():
    figure = loop_examples.draw([turn("A ring.", [f"Ring {number}." for number in range(30)], ["x"])])
    assert figure.axes[1].texts[0].get_text().split("\n")[-2:] == ["Ring 10.", "…"]


def test_a_cloud_without_words_says_so():
    figure = word_cloud.draw(words("look").assign(z=0.5), "base.csr", 0)
    assert "no word that base.csr uses more often" in figure.axes[0].texts[0].get_text()


def test_a_radar_of_what_has_no_sub_domains_says_so():
    with pytest.raises(ViperError, match="a radar shows three sub-domains of MMStar at least, the table has none"):
        radar.draw(scores([*BENCHMARKS, OVERALL]), "3B")


def test_examples_of_the_loop_are_read_as_they_were_written_or_refused(tmp_path):
    path, example = tmp_path / "loop.parquet", turn("a cup", ["It is red."], ["make it blue"])
    loop_examples.write_examples(path, [example])
    assert loop_examples.read_examples(path) == [example]
    for name, cell, message in [
        ("caption", None, "column caption has empty cells"),
        ("seed", None, "column seed has empty cells"),
        ("picture", "another", "picture is 'another', none of image, reconstruction"),
    ]:
        loop_examples.write_examples(path, [example | {name: cell}])
        with pytest.raises(ViperError, match=rf"loop\.parquet: {message}"):
            loop_examples.read_examples(path)
    loop_examples.write_examples(path, [])
    with pytest.raises(ViperError, match=r"loop\.parquet: holds no rows"):
        loop_examples.read_examples(path)
    pd.DataFrame({name: ["a"] for name in loop_examples.EXAMPLE}).to_parquet(path)
    with pytest.raises(ViperError, match=r"loop\.parquet: column seed holds large_string"):
        loop_examples.read_examples(path)
    pd.DataFrame({"seed": ["a"]}).to_parquet(path)
    with pytest.raises(ViperError, match=r"loop\.parquet: lacks the column caption"):
        loop_examples.read_examples(path)
