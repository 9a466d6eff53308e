"""From predictions on disk to the files of the tables and the figure, through the commands that the rules call."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from method import method
from viper.analysis import tables
from viper.analysis.benchmark_names import own_names
from viper.analysis.commands import register
from viper.analysis.predictions import Predictions
from viper.analysis.published import BENCHMARKS, SUBDOMAINS
from viper.config.analysis import Analysis

LINEAGES = {"base": 0.4, "base.csr": 0.55, "base.csr.vop": 0.7}
FILES = {name: f"Toy{name.replace('-', '')}" for name in BENCHMARKS}
OPTIONS = json.dumps(
    {
        "analysis": Analysis(**method("analysis", resamples=200)).model_dump(),
        "evaluation": {"source": "official", "benchmarks": FILES},
    }
)


@pytest.fixture
def run():
    import typer

    app = typer.Typer()
    register(app)

    def invoke(*arguments: str | Path) -> None:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        if result.exception:
            raise result.exception

    return invoke


@pytest.fixture
def written(write_predictions):
    rng = np.random.default_rng(0)
    for name in BENCHMARKS:
        luck = rng.uniform(size=90)
        for lineage, rate in LINEAGES.items():
            hits = (luck < rate).astype(int)
            index = (
                [f"VD_x_0_{i // 4:03d}_{i // 2 % 2}_{i % 2}" for i in range(90)] if name == "HallusionBench" else None
            )
            category = [SUBDOMAINS[i % 6] for i in range(90)] if name == "MMStar" else None
            paths = write_predictions(lineage, FILES[name], hits, index=index, category=category)
    return paths


def compare(written: list[Path], options: str = OPTIONS) -> list[str | Path]:
    lineages = [argument for lineage in LINEAGES for argument in ("--lineage", lineage)]
    return [*written, *lineages, "--options", options]


def make_tables(run, compared: list[str | Path], output: Path) -> None:
    run(
        *("tables", *compared, "--title", "T"),
        *("--main", output / "main.csv", "--main-page", output / "main.md"),
        *("--subdomains", output / "subdomains.csv", "--subdomains-page", output / "subdomains.md"),
        *("--claims", output / "main_claims.csv"),
    )


def test_tables_hold_every_lineage_and_column_with_published_figures_beside(run, written, tmp_path):
    make_tables(run, compare(written), tmp_path)
    table = pd.read_csv(tmp_path / "main.csv").set_index(["lineage", "column"])
    assert len(table) == 3 * 8
    best = table.loc[("base.csr.vop", "overall")]
    assert best["difference_low"] > 0
    assert (best["published_3B"], best["published_7B"]) == (60.4, 66.0)
    assert table["low"].le(table["score"] + 1e-6).all()
    assert table["high"].ge(table["score"] - 1e-6).all()
    assert table.loc[("base", "overall"), "score"] == pytest.approx(
        table.loc["base"].drop("overall")["score"].mean(), abs=1e-3
    )

    domains = pd.read_csv(tmp_path / "subdomains.csv")
    assert list(dict.fromkeys(domains["column"])) == [*SUBDOMAINS, "MMStar"]
    means = domains.set_index(["lineage", "column"])
    assert means.loc[("base", "MMStar"), "published_3B"] == 55.9
    assert means.loc[("base", "MMStar"), "score"] == table.loc[("base", "MMStar"), "score"]
    assert domains.loc[domains["column"] == "math", "published_3B"].isna().all()

    text = (tmp_path / "main.md").read_text()
    assert "| published 3B: `base.csr.vop` | 57.8 |" in text
    assert "base.sft" not in text


def test_drawn_benchmarks_have_their_own_names_and_no_published_score_beside_them(run, written, tmp_path):
    make_tables(run, compare(written, OPTIONS.replace("official", "world")), tmp_path)
    table = tables.read_tidy(tmp_path / "main.csv")
    assert set(zip(table["column"], table["imitates"], strict=True)) == {
        *((file, name) for name, file in FILES.items()), ("overall", "")
    }  # fmt: skip
    assert table[["published_3B", "published_7B"]].isna().all(axis=None)
    domains = tables.read_tidy(tmp_path / "subdomains.csv")
    assert list(dict.fromkeys(domains["column"])) == [*SUBDOMAINS, FILES["MMStar"]]
    for name, title in (("main", "# T: benchmarks"), ("subdomains", "# T: sub-domains of ToyMMStar (as MMStar)")):
        text = (tmp_path / f"{name}.md").read_text()
        assert text.startswith(f"{title}\n")
        assert "ToyMMStar (as MMStar) |" in text
        assert "published" not in text
        assert "the paper's figures are not of these" in text


def test_claims_speak_of_drawn_benchmarks_by_their_own_names(run, written, tmp_path):
    of_world = compare(written, OPTIONS.replace("official", "world"))
    make_tables(run, of_world, tmp_path)
    run("claims", *of_world, "--scale", "toy", "--output", tmp_path / "claims.csv", "--page", tmp_path / "claims.md")
    for path in (tmp_path / "main_claims.csv", tmp_path / "claims.csv"):
        claims = pd.read_csv(path, keep_default_na=False)
        named = pd.concat([claims["text"], claims["decided_by"], claims["parts"]]).str.cat(sep="\n")
        for name, file in FILES.items():
            bare = re.sub(rf"{re.escape(file)}( \(as {re.escape(name)}\))?", "", named)
            assert name not in bare, f"{path.name} gives {file} the name of {name}"
    texts = claims.set_index("claim")["text"]
    assert texts["hallucination_falls"].endswith(f"on {FILES['HallusionBench']} (as HallusionBench)")
    parts = claims.set_index("claim")["parts"]
    assert f"without {FILES['MMStar']} +" in parts["gain_without_any_benchmark"]
    assert f"on {FILES['HallusionBench']} (as HallusionBench)" in (tmp_path / "claims.md").read_text()


def test_an_experiment_judges_the_claims_of_its_lineages(run, written, tmp_path):
    make_tables(run, compare(written), tmp_path)
    claims = pd.read_csv(tmp_path / "main_claims.csv").set_index("claim")
    assert claims.loc["two_stage_beats_base", "verdict"] == "supported"
    assert claims.loc["two_stage_beats_base", "published"] == "+1.7 (3B), +1.6 (7B)"
    assert "sft_gains_less" not in claims.index


def test_a_claim_whose_lineages_no_experiment_has_keeps_its_row(run, written, tmp_path):
    paths = ("--output", tmp_path / "claims.csv", "--page", tmp_path / "claims.md")
    run("claims", *compare(written), "--scale", "toy", *paths)
    assert "| **supported** |" in (tmp_path / "claims.md").read_text()
    claims = pd.read_csv(tmp_path / "claims.csv").set_index("claim")
    assert claims.loc["two_stage_beats_base", "verdict"] == "supported"
    assert claims.loc["sft_gains_less", "verdict"] == "not measured"
    assert pd.isna(claims.loc["sft_gains_less", "measured"])


def test_others_are_compared_with_the_first(write_predictions):
    rng = np.random.default_rng(1)
    for seed in (0, 1):
        for lineage, rate in (("base.csr.vop", 0.8), ("base.mix", 0.6)):
            hits = rng.uniform(size=120) < rate
            paths = write_predictions(lineage, "B", hits, seed=seed, category=[SUBDOMAINS[i % 6] for i in range(120)])
    options, lineages = Analysis(**method("analysis", resamples=200)), ["base.csr.vop", "base.mix"]
    scores = tables.score_subdomains(Predictions.of(paths, lineages), "B", options)
    table = tables.tidy(scores, lineages, 2).set_index(["lineage", "column"])
    assert table.loc[("base.mix", "MMStar"), "compared_with"] == "base.csr.vop"
    assert table.loc[("base.mix", "MMStar"), "difference"] < 0
    assert table.loc["base.csr.vop", "difference"].isna().all()
    assert table["low"].ge(0).all()
    assert table["high"].le(100).all()


def test_what_is_made_to_look_is_compared_with_what_is_made_to_look():
    lineages = ["base", "base+look", "base.csr", "base.csr+look", "base.vop+look"]
    found = {lineage: tables.compared_with(lineage, lineages) for lineage in lineages}
    assert found == {
        "base": "base",
        "base+look": "base",
        "base.csr": "base",
        "base.csr+look": "base+look",
        "base.vop+look": "base+look",
    }


def test_a_row_of_differences_names_what_it_is_compared_with(write_predictions):
    rng, lineages = np.random.default_rng(4), ["base", "base+look", "base.csr", "base.csr+look"]
    shape = {"category": [SUBDOMAINS[i % 6] for i in range(60)]}
    for lineage in lineages:
        paths = write_predictions(lineage, "B", rng.integers(0, 2, 60), **shape)
    options = Analysis(**method("analysis", resamples=200))
    scores = tables.score_subdomains(Predictions.of(paths, lineages), "B", options)
    table = tables.tidy(scores, lineages, 1)
    rows = table.set_index(["lineage", "column"])
    expected = rows.loc[("base.csr+look", "MMStar"), "score"] - rows.loc[("base+look", "MMStar"), "score"]
    assert rows.loc[("base.csr+look", "MMStar"), "difference"] == pytest.approx(expected)
    text = tables.markdown(table, "T", options)
    assert [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| −")] == [
        "− `base`",
        "− `base`",
        "− `base+look`",
    ]
    assert "over items only (one seed: how training with another would differ is not in them)" in text


def reproduced(table: pd.DataFrame) -> list[str]:
    """The cells of the line that says how far the base is from what was published of it."""
    text = tables.markdown(table, "T", Analysis(**method("analysis", resamples=200)))
    found = [line for line in text.splitlines() if line.startswith("| base reproduced")]
    assert len(found) <= 1
    assert ("seems to have been asked plainly" in text) == ("published" in "".join(table.columns[table.notna().any()]))
    return [cell.strip() for cell in found[0].strip("|").split("|")] if found else []


def test_the_base_that_is_asked_plainly_stands_beside_what_was_published_of_it(write_predictions):
    lineages, shape = ["base", "base+plain", "base.csr.vop"], {"category": [SUBDOMAINS[i % 6] for i in range(60)]}
    for number, lineage in enumerate(lineages):
        paths = write_predictions(lineage, "MMStar", np.random.default_rng(number).integers(0, 2, 60), **shape)
    options = Analysis(**method("analysis", resamples=200))
    table = tables.tidy(tables.score_subdomains(Predictions.of(paths, lineages), "MMStar", options), lineages, 1)
    rows = table.set_index(["lineage", "column"])
    assert rows.loc[("base+plain", "MMStar"), "published_3B"] == rows.loc[("base", "MMStar"), "published_3B"] == 55.9
    own, *cells = reproduced(table)
    assert own == "base reproduced: ours − published 3B"
    score = rows.loc[("base+plain", "MMStar")]
    assert cells[-1] == f"{score.score - 55.9:+.1f} [{score.low - 55.9:+.1f}, {score.high - 55.9:+.1f}]"
    assert cells[SUBDOMAINS.index("math")] == "", "nothing is published of it"


def test_without_published_figures_or_a_plain_base_nothing_is_reproduced(write_predictions):
    shape = {"category": [SUBDOMAINS[i % 6] for i in range(60)]}
    lineages = ["base", "base+plain"]
    for lineage in lineages:
        paths = write_predictions(lineage, "MicroStar", np.random.default_rng(1).integers(0, 2, 60), **shape)
    options = Analysis(**method("analysis", resamples=200))
    answers = Predictions.of(paths, lineages)
    table = tables.tidy(tables.score_subdomains(answers, "MicroStar", options), lineages, 1)
    assert reproduced(own_names(table, {"MMStar": "MicroStar"} | {name: name for name in SUBDOMAINS})) == []
    assert reproduced(table[table["lineage"] == "base"]) == []


def test_the_base_is_read_once_for_all_seeds(run, write_predictions, tmp_path):
    rng = np.random.default_rng(2)
    for name in BENCHMARKS:
        index = [f"VD_x_0_{i}_0_0" for i in range(30)] if name == "HallusionBench" else None
        category = [SUBDOMAINS[i % 6] for i in range(30)] if name == "MMStar" else None
        shape = {"index": index, "category": category}
        write_predictions("base", FILES[name], rng.integers(0, 2, 30), **shape)
        for seed in (0, 1, 2):
            paths = write_predictions("base.csr", FILES[name], rng.integers(0, 2, 30), seed=seed, **shape)
    lineages = [argument for name in ("base", "base.csr") for argument in ("--lineage", name)]
    make_tables(run, [*paths, *lineages, "--options", OPTIONS], tmp_path)
    table = pd.read_csv(tmp_path / "main.csv").set_index(["lineage", "column"])
    assert Path(f"results/toy/predictions/test/base/{FILES['BLINK']}.tsv").is_file()
    assert set(table.loc["base", "seeds"]) == {1}
    assert set(table.loc["base.csr", "seeds"]) == {3}


def test_the_figure_has_the_same_bytes_every_time_and_a_caption(run, written, tmp_path):
    make_tables(run, compare(written), tmp_path)
    for name in ("a", "b"):
        outputs = [f"--output={tmp_path}/{name}.png", f"--output={tmp_path}/{name}.svg"]
        run(
            "figure-scores",
            "main",
            tmp_path / "main.csv",
            "--options",
            OPTIONS,
            *outputs,
            "--caption",
            tmp_path / f"{name}.rst",
        )
    for suffix in (".png", ".svg", ".rst"):
        assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()
    caption = (tmp_path / "a.rst").read_text()
    assert "95% intervals" in caption
    assert "over items only (one seed: how training with another would differ is not in them)" in caption
