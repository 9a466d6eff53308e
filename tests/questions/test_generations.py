"""Does the loop go on: who is which generation, what is measured of each, and the rule of the verdict."""

import json
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from typer.testing import CliRunner

from method import method
from viper.analysis.bootstrap import accuracy, resample
from viper.config import load
from viper.config.analysis import Analysis
from viper.config.options import to_json
from viper.config.questions.generations import Generations
from viper.errors import ViperError
from viper.layout import Layout
from viper.lineage import is_trained
from viper.questions import answers, audits
from viper.questions.generations import commands, diversity, figure, measures, table
from viper.questions.generations.course import COLLAPSE, GAIN, PLATEAU, UNDECIDED, course
from viper.questions.generations.plan import CONTROL, FRESH, SAME, Turn, turns
from viper.synthesis.heuristics import get_language

ASKED = Generations(lineages=["base"], margin=3.0, data_margin=5.0)
OPTIONS = Analysis(**method("analysis", resamples=200))
SCALE, SMOKE = load("micro"), load("smoke", overrides={"seeds": [0, 1]})


def asking(*lineages):
    return load("micro", overrides={"open_questions.generations.lineages": list(lineages)})


# --- who is which generation


def test_every_arm_goes_on_from_the_first_generation():
    found = {(turn.arm, turn.generation): turn for turn in turns(SCALE)}
    assert {arm for arm, _ in found} == {SAME, FRESH, CONTROL}
    for arm in (SAME, FRESH, CONTROL):
        assert found[arm, 0].lineage == "base"
        assert found[arm, 1] == Turn(arm=arm, generation=1, lineage="base~half.gen", data="base~half")
    assert found[SAME, 4].data == "base~half.gen.gen.gen"
    assert found[FRESH, 2].data == "base~fresh.gen", "the first generation's model, on images that it never saw"
    assert {found[CONTROL, generation].data for generation in (1, 2, 3, 4)} == {"base~half"}
    assert set(SCALE.open_questions.generations.lineages) == {turn.lineage for turn in found.values()}


@pytest.mark.parametrize(
    ("lineages", "problem"),
    [
        (["base~half.gen", "base"], "begin with the base"),
        (["base", "base~half.gen", "base.gen"], "one lineage of one phase"),
        (["base", "base~half.gen.gen", "base~half.gen.stay"], "one lineage of one phase"),
        (["base", "base~half.gen", "base~half.gen.gen"], "same 2, fresh 1, control 1"),
        (
            ["base", "base~half.gen", "base~half.gen.gen", "base.gen.stay"],
            "base.gen.stay, of the arm 'control', does not",
        ),
        (
            ["base", "base~half.gen", "base~half.gen.gen", "base~half.gen.gen.gen", "base~half.gen.stay"],
            "same 3, fresh 1, control 2",
        ),
        (["base", "base~half.gen", "base~half.gen.gen.gen", "base~half.gen.stay"], "does not go on from base~half.gen"),
    ],
)
def test_lineages_that_make_no_arms_are_refused(lineages, problem):
    with pytest.raises(ViperError, match=problem):
        turns(asking(*lineages))


@given(st.integers(2, 6), st.booleans())
@settings(deadline=None, max_examples=10)
def test_arms_of_any_length_are_told_apart(length, is_fresh):
    arms = {SAME: ("base~half", "gen"), CONTROL: ("base~half", "stay")}
    arms |= {FRESH: ("base~fresh", "gen")} if is_fresh else {}
    lineages = ["base", "base~half.gen"]
    lineages += [".".join([root, "gen", *[phase] * n]) for root, phase in arms.values() for n in range(1, length)]
    found = turns(asking(*lineages))
    assert {turn.arm: turn.generation for turn in found} == dict.fromkeys(arms, length)
    assert Counter(turn.arm for turn in found) == dict.fromkeys(arms, length + 1)


# --- how different the data are


@given(st.lists(st.integers(1, 9), min_size=1, max_size=12), st.data())
def test_rarefaction_is_the_mean_of_drawing(numbers, data):
    counts = {str(place): number for place, number in enumerate(numbers)}
    drawn = data.draw(st.integers(1, sum(numbers)))
    found = diversity.distinct(counts, drawn)
    assert 1 - 1e-6 <= found <= min(drawn, len(numbers) + 1e-6)
    assert diversity.distinct(counts, sum(numbers)) == pytest.approx(len(numbers))
    assert diversity.distinct(counts, 1) == pytest.approx(1)
    rng, all_of_them = np.random.default_rng(0), np.repeat(np.arange(len(numbers)), numbers)
    tried = [len(set(rng.permutation(all_of_them)[:drawn])) for _ in range(200)]
    assert abs(np.mean(tried) - found) <= 5 * np.std(tried) / np.sqrt(200) + 0.05


def test_more_cannot_be_drawn_than_there_is():
    with pytest.raises(ValueError, match="5 statements cannot be drawn of 3"):
        diversity.distinct({"a": 2, "b": 1}, 5)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=12), st.data())
@settings(max_examples=25)
def test_rarefied_entropy_is_the_mean_of_drawing(numbers, data):
    counts = {str(place): number for place, number in enumerate(numbers)}
    drawn = data.draw(st.integers(1, sum(numbers)))
    found = diversity.rarefied_entropy(counts, drawn)
    assert -1e-9 <= found <= np.log2(drawn) + 1e-9
    assert diversity.rarefied_entropy(counts, sum(numbers)) == pytest.approx(stats.entropy(numbers, base=2))
    rng, all_of_them = np.random.default_rng(0), np.repeat(np.arange(len(numbers)), numbers)
    tried = [stats.entropy(np.bincount(rng.permutation(all_of_them)[:drawn]), base=2) for _ in range(200)]
    assert abs(np.mean(tried) - found) <= 5 * np.std(tried) / np.sqrt(200) + 0.02
    assert 0 <= diversity.rarefied_entropy_error(counts, drawn) <= np.log2(drawn)


def measured_entropy(statements, drawn):
    said = {"csr": diversity.Said(Counter(map(str, statements)), {})}
    (found,) = (value for value in measures.of_data(said, {"csr": drawn}) if value.measure == measures.ENTROPY["csr"])
    return found


@pytest.mark.parametrize("population", [3_000, 10**9])
def test_entropy_of_mostly_different_statements_does_not_hang_on_how_many_there_are(population):
    rng = np.random.default_rng(2)
    few = [measured_entropy(rng.integers(population, size=170), 161) for _ in range(40)]
    many = [measured_entropy(rng.integers(population, size=370), 161) for _ in range(40)]
    assert np.mean([each.value for each in few]) == pytest.approx(np.mean([each.value for each in many]), abs=0.015)
    assert all(each.value <= np.log2(161) and each.error > 0 and each.n == 161 for each in [*few, *many])


def test_the_error_of_entropy_is_the_spread_of_samples_and_errs_upwards():
    rng = np.random.default_rng(3)
    for numbers, factor in ((lambda: rng.integers(3_000, size=350), 1.5), (lambda: rng.geometric(0.3, 350), 1.15)):
        found = [measured_entropy(numbers(), 161) for _ in range(150)]
        spread = np.std([each.value for each in found])
        assert 0.85 * spread <= np.mean([each.error for each in found]) <= factor * spread


def test_more_statements_than_there_are_have_no_entropy():
    for compute in (diversity.rarefied_entropy, diversity.rarefied_entropy_error):
        with pytest.raises(ValueError, match="5 statements cannot be drawn of 3"):
            compute({"a": 2, "b": 1}, 5)


def test_a_kind_that_one_seed_lacks_has_a_share_of_0_there():
    said = diversity.with_all_kinds([diversity.Said({"a": 2}, {"wrong": 2}), diversity.Said({"b": 2}, {"extra": 2})])
    assert [each.kinds for each in said] == [{"extra": 0, "wrong": 2}, {"extra": 2, "wrong": 0}]
    shares = {value.measure: value.value for value in measures.of_data({"csr": said[0]}, {"csr": 2})}
    assert (shares["csr: extra"], shares["csr: wrong"], shares["csr: entropy of kinds"]) == (0, 100, 0)
    assert measures.shares_of_kinds(shares, "csr") == {"csr: extra": "extra", "csr: wrong": "wrong"}
    assert not diversity.with_all_kinds([diversity.Said({"a": 1}, {})])[0].kinds


def test_entropy_of_a_sample_is_that_of_what_it_was_drawn_from():
    rng, kinds = np.random.default_rng(1), 64
    samples = [Counter(map(str, rng.integers(kinds, size=400))) for _ in range(200)]
    found = [diversity.entropy(sample) for sample in samples]
    assert np.mean(found) == pytest.approx(6, abs=0.01), "log2 of 64; uncorrected 0.11 bits less"
    assert diversity.entropy({"a": 9}) == 0
    skewed = [Counter(map(str, rng.geometric(0.3, size=300))) for _ in range(300)]
    errors = [diversity.entropy_error(sample) for sample in skewed]
    assert np.mean(errors) == pytest.approx(np.std([diversity.entropy(sample) for sample in skewed]), rel=0.15)


def test_wordings_of_one_statement_are_one_and_kinds_are_read():
    truths = [
        ["There is nothing at the top left instead of a small red circle."],
        ["The background is dark and plain instead of light and plain.", "What is this?"],
        ["The background is dark and plain instead of light and plain."],
    ]
    said = diversity.read(truths, get_language("micro"))
    assert said.total == 4
    assert len(said.statements) == 3
    assert said.kinds == {"extra": 1, "background": 2}
    assert diversity.read(truths, get_language("english")).kinds == {}


# --- what is measured


def test_rewards_of_the_first_and_last_steps_never_overlap():
    nothing = float("nan")
    first, last = measures.of_training([0.2, nothing, 0.4, nothing, 0.6, nothing, 0.8, nothing], window=9)
    assert (first.value, last.value, first.n) == (pytest.approx(0.3), pytest.approx(0.7), 2)
    assert measures.of_training([0.5], window=3)[0].n == 1
    with pytest.raises(ViperError, match="no reward"):
        measures.of_training([nothing], window=3)


@given(st.integers(1, 400), st.integers(1, 400))
def test_data_in_which_all_is_different_have_a_share_and_an_error(there, wanted):
    said = {"csr": diversity.Said({str(number): 1 for number in range(max(there, wanted))}, {})}
    found, *_ = measures.of_data(said, {"csr": min(there, wanted)})
    assert found.value == pytest.approx(100)
    assert found.value <= 100
    assert 0 < found.error < 50, "all of some may be different, and not all of many"


def test_an_audit_gives_its_shares_in_percent():
    rows = [("caption", "all facts", 0.75, 100), ("edits", "done", 0.5, 0), ("painter", "all facts", 0.9, 10)]
    audit = pd.DataFrame(rows, columns=["step", "measure", "share", "n"])
    (found,) = measures.of_audit(audit)
    assert found == measures.Value("captions right", "%", 75.0, pytest.approx(4.38, abs=0.01), 100)


# --- the verdict


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.1, 9.0, GAIN),
        (0.1, 0.2, GAIN),
        (-9.0, -0.1, COLLAPSE),
        (-2.9, 2.9, PLATEAU),
        (0.0, 0.0, PLATEAU),
        (-3.1, 2.0, UNDECIDED),
        (-1.0, 3.0, UNDECIDED),
    ],
)
def test_course(low, high, expected):
    assert course(low, high, 3.0) == expected


@given(st.floats(-20, 20), st.floats(0, 20), st.floats(0.1, 9))
def test_course_is_the_same_upside_down(middle, half, margin):
    mirrored = {GAIN: COLLAPSE, COLLAPSE: GAIN}
    found, other = course(middle - half, middle + half, margin), course(-middle - half, -middle + half, margin)
    assert other == mirrored.get(found, found)
    wider = course(middle - half - 1, middle + half + 1, margin)
    assert wider in (found, UNDECIDED) or (wider == PLATEAU and found in (GAIN, COLLAPSE))


PLAN = [
    Turn(arm=arm, generation=generation, lineage=f"{arm if generation > 1 else 'first'}.{generation}", data="d")
    for arm in (SAME, FRESH, CONTROL)
    for generation in range(5)
]
ENDS = [turn for turn in PLAN if turn.generation in (1, 4)]


def simulate(rng, changes, *, spread, margin=3.0, items=200):
    """The claims of one simulated experiment: three seeds whose ability varies, items whose difficulty does.

    Args:
        changes: arm → by how many standard deviations of difficulty its last generation is abler than the first.
        spread: by how many the seeds of one generation differ.
    """
    lineages = list(dict.fromkeys(turn.lineage for turn in ENDS))
    difficulty = rng.normal(size=(1, items))
    ends = {f"{arm}.4": change for arm, change in changes.items()}
    hits = []
    for lineage in lineages:
        ability = ends.get(lineage, 0.0) + spread * rng.normal(size=(3, 1))
        hits.append(difficulty < ability + rng.normal(scale=0.5, size=(3, items)))
    scores = resample([accuracy("B", np.stack(hits).astype(float))], lineages, resamples=200, confidence=0.95, seed=0)
    rows = measures.runs(
        ENDS,
        (0, 1, 2),
        accuracy={lineage: measures.of_accuracy(scores, lineage) for lineage in lineages},
        data={("d", seed): [] for seed in range(3)},
        training={(lineage, seed): [] for lineage in lineages for seed in range(3)},
    )
    found = table.claims(ENDS, rows, scores, ASKED.model_copy(update={"margin": margin}), OPTIONS)
    return found.set_index("claim")


@pytest.mark.parametrize("spread", [0.0, 0.1, 0.4])
def test_where_nothing_changes_nothing_is_claimed_more_often_than_said(spread):
    rng = np.random.default_rng(int(10 * spread))
    found = [simulate(rng, {}, spread=spread)["verdict"] for _ in range(300)]
    for claim, wrong in [
        ("same_course", GAIN),
        ("same_course", COLLAPSE),
        ("fresh_course", GAIN),
        ("same_beats_control", "supported"),
        ("fresh_beats_same", "supported"),
    ]:
        assert sum(each[claim] == wrong for each in found) <= 15, claim  # 2.5 % would be 7.5, standard deviation 2.7


def test_true_courses_are_found():
    rng = np.random.default_rng(7)
    found = [simulate(rng, {SAME: -0.8, FRESH: 0.8}, spread=0.03)["verdict"] for _ in range(40)]
    assert sum(each["same_course"] == COLLAPSE for each in found) >= 38
    assert sum(each["fresh_course"] == GAIN for each in found) >= 38
    assert sum(each["fresh_beats_control"] == "supported" for each in found) >= 38
    assert not any(each["same_beats_control"] == "supported" for each in found)
    still = [simulate(rng, {}, spread=0.0, margin=15.0)["verdict"]["same_course"] for _ in range(40)]
    assert still.count(PLATEAU) >= 34


def test_a_sentence_says_the_numbers_and_the_verdict():
    row = simulate(np.random.default_rng(3), {SAME: 0.8}, spread=0.03).loc["same_course"]
    assert row["verdict"] == GAIN
    assert row["sentence"].endswith(": gain.")
    assert f"{row['measured']:+.1f} points [{row['low']:+.1f}, {row['high']:+.1f}]" in row["sentence"]
    assert (row["seeds"], row["items"], row["margin"], row["unit"]) == (3, 200, 3.0, "points")
    assert row["reachable"] > 0


def of_data(rng, change, spread):
    """The claim about true statements, of three seeds whose data differ."""
    rows = []
    for turn in ENDS[:2]:
        for seed in range(3):
            share = 80 + (change if turn.generation == 4 else 0.0) + spread * rng.normal()
            known = {"arm": turn.arm, "generation": turn.generation, "lineage": turn.lineage, "seed": seed}
            rows.append(known | {"measure": measures.STATEMENTS, "unit": "%", "value": share, "error": 1.0, "n": 100})
    runs = pd.DataFrame(rows, columns=measures.RUNS)
    return table._of_data(runs, Turn(arm=SAME, generation=4, lineage="same.4", data="d"), "statements", 5.0, 0.95)


def test_data_that_are_poorer_by_the_margin_are_seldom_called_as_good():
    rng = np.random.default_rng(11)
    found = [of_data(rng, -5.0, spread=1.5)["verdict"] for _ in range(400)]
    assert found.count("supported") <= 18  # 2.5 % would be 10, standard deviation 3.1
    assert {of_data(rng, -30.0, spread=1.0)["verdict"] for _ in range(20)} == {"not supported"}
    assert [of_data(rng, 0.0, spread=0.3)["verdict"] for _ in range(20)].count("supported") >= 18


# --- tables and figure


def measured(arms, generations=2, drop=()):
    """Every generation with every seed and made-up values."""
    plan = [turn for turn in PLAN if turn.arm in arms and turn.generation <= generations]
    lineages = list(dict.fromkeys(turn.lineage for turn in plan))
    hits = (np.random.default_rng(0).uniform(size=(len(lineages), 2, 30)) < 0.6).astype(float)
    scores = resample([accuracy("B", hits)], lineages, resamples=50, confidence=0.95, seed=0)
    said = {name: diversity.Said({"a": 3, "b": 2}, {"color": 5}) for name in measures.SETS}
    audit = pd.DataFrame(
        [(step, measure, 0.8, 50) for step, measure in measures.AUDITED.values()],
        columns=["step", "measure", "share", "n"],
    )
    data = [*measures.of_data(said, {"csr": 4, "vop": 4}), *measures.of_audit(audit)]
    data = [value for value in data if value.measure not in drop]
    runs = measures.runs(
        plan,
        (0, 1),
        accuracy={lineage: measures.of_accuracy(scores, lineage) for lineage in lineages},
        data={("d", seed): data for seed in (0, 1)},
        training={(lineage, seed): measures.of_training([0.1, 0.2, 0.3], 2) for lineage in lineages for seed in (0, 1)},
    )
    return plan, runs, scores


def test_every_generation_has_every_measure_but_a_control_no_data_of_its_own():
    _, runs, scores = measured((SAME, CONTROL))
    found = table.summary(runs, scores, 0.95)
    assert list(found.columns) == table.SUMMARY
    assert not found.duplicated(["arm", "generation", "measure"]).any()
    assert (found["low"] <= found["value"]).all()
    assert (found["value"] <= found["high"]).all()
    entropies = found[found["measure"].isin(measures.ENTROPY.values())]
    assert (entropies["high"] <= np.log2(entropies["n"])).all()
    has = {key: set(part["measure"]) for key, part in found.groupby(["arm", "generation"])}
    assert {"csr: distinct statements", "statements true", "vop: color", "accuracy"} <= has[SAME, 2]
    assert "accuracy" in has[CONTROL, 2]
    assert "csr: distinct statements" not in has[CONTROL, 2]


_OF_KINDS = (*measures.KINDS.values(), "csr: color", "vop: color")


@pytest.mark.parametrize(
    ("drop", "panels"), [((), 11), (tuple(measures.AUDITED), 8), ((*measures.AUDITED, *_OF_KINDS), 5)]
)
def test_the_figure_leaves_out_what_was_not_measured(drop, panels):
    plan, runs, scores = measured((SAME, FRESH, CONTROL), drop=drop)
    found = table.summary(runs, scores, 0.95)
    drawn = figure.draw(found)
    visible = [axes.get_title() for axes in drawn.axes if axes.get_visible()]
    assert len(visible) == panels
    assert {"entropy of statements", "number of statements"} < set(visible)
    assert ("kinds of refinements" in visible) == ("csr: color" not in drop)
    judged = table.claims(plan, runs, scores, ASKED, OPTIONS)
    assert ("same_keeps_statements" in set(judged["claim"])) == (not drop)
    told = judged.set_index("claim").loc["same_keeps_distinct", "sentence"]
    assert told.startswith("The share of distinct statements among the refinements goes from 50.0 % in the data of the")
    text = figure.caption(found, judged, 0.95)
    assert "of 4 refinements and 4 operations" in text
    assert f"same seed images: {judged.set_index('claim').loc['same_course', 'verdict']}" in text


def test_a_plan_comes_back_from_its_argument():
    told = json.dumps([turn.model_dump() for turn in turns(SCALE)])
    assert [Turn.model_validate(each) for each in json.loads(told)] == turns(SCALE)


# --- commands


@pytest.fixture
def files(tmp_path, monkeypatch):
    """What two generations of two seeds left behind, and the plan of their arms."""
    monkeypatch.chdir(tmp_path)
    places, rng = Layout("toy"), np.random.default_rng(0)
    plan = turns(SMOKE)
    found = {"predictions": [], "data": [], "metrics": [], "audit": []}

    def put(kind, path, content, write):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        write(content, path)
        found[kind].append(path)

    def as_table(content, path):
        content.to_csv(path, sep="\t" if path.endswith("tsv") else ",", index=False)

    for lineage in dict.fromkeys(turn.lineage for turn in plan):
        for seed in (0, 1) if is_trained(lineage) else (None,):
            for name in SCALE.evaluation.names:
                index = [f"VD_scene_{place}_0_0" for place in range(12)]
                answered = pd.DataFrame({"index": index, "hit": rng.integers(2, size=12), "l2-category": "scene"})
                put(
                    "predictions",
                    places.predictions(f"{name}.tsv", lineage=lineage, split="s", seed=seed),
                    answered,
                    as_table,
                )
            if seed is not None:
                steps = pd.DataFrame({"step": [1, 2, 3, 4], "reward": [0.2, None, 0.4, None]})
                put("metrics", places.metrics("train.csv", lineage=lineage, seed=seed), steps, as_table)
    for lineage in dict.fromkeys(turn.data for turn in plan if turn.data):
        for name in measures.SETS:
            for seed in (0, 1):
                truths = [["The background is dark and plain instead of light and plain."], ["b."]]
                if (lineage, seed) == (plan[1].data, 1):  # a kind that no other seed has
                    truths[1] = ["There is nothing at the top left instead of a small red circle."]
                rows = pd.DataFrame({"ground_truth": truths})
                path = places.dataset(f"{name}/train.parquet", lineage=lineage, seed=seed)
                put("data", path, rows, pd.DataFrame.to_parquet)
        audit = [(lineage, seed, *key, 0.5, 20) for seed in (0, 1) for key in measures.AUDITED.values()]
        put("audit", f"audit/{lineage}.csv", pd.DataFrame(audit, columns=audits.COLUMNS), as_table)
    return plan, found


def command(plan, found, **changed):
    """Run the command on these files, some of them changed."""
    found = found | changed
    sections = [
        "open_questions.generations",
        "seeds",
        "evaluation.benchmarks",
        "synthesis.operations.language",
        "analysis",
    ]
    words = ["generations-table", *found["predictions"], "--plan", json.dumps([turn.model_dump() for turn in plan])]
    words += ["--options", to_json(SMOKE, sections)]
    words += [word for name in ("data", "metrics", "audit") for path in found[name] for word in (f"--{name}", path)]
    words += ["--output", "table.csv", "--runs", "runs.csv", "--claims", "claims.csv"]
    call(words)


def call(words):
    app = typer.Typer()
    commands.register(app)
    CliRunner().invoke(app, words, catch_exceptions=False, standalone_mode=False)


def test_the_command_measures_what_is_there_and_the_figure_is_drawn_from_it(files):
    command(*files)
    claims = pd.read_csv("claims.csv").set_index("claim")
    assert {"same_course", "fresh_course", "same_beats_control", "fresh_beats_same", "same_keeps_distinct"} <= set(
        claims.index
    )
    assert set(claims["question"]) == {"generations"}
    assert list(pd.read_csv("claims.csv").columns) == answers.COLUMNS
    found = pd.read_csv("table.csv").set_index(["arm", "generation", "measure"])
    assert found.loc[("same", 2, "captions right"), "value"] == 50
    assert found.loc[("same", 1, "csr: distinct statements"), "value"] == 100
    assert found.loc[("control", 2, "reward, last steps"), "value"] == pytest.approx(0.4)
    assert len(pd.read_csv("runs.csv")) == 2 * len(found)
    assert (found.loc[("same", 0, "accuracy"), "seeds"], found.loc[("same", 1, "accuracy"), "seeds"]) == (1, 2)
    assert found.loc[("same", 1, "csr: extra"), "value"] == 25, "half of one seed's, nothing of the other's"
    assert found.loc[("same", 1, "csr: number of statements"), "value"] == 2
    told = ["--options", to_json(SMOKE, ["analysis"]), "--output", "drawn.png", "--caption", "drawn.rst"]
    call(["figure-generations", "table.csv", "claims.csv", *told])
    assert Path("drawn.png").stat().st_size > 10_000
    assert f"same seed images: {claims.loc['same_course', 'verdict']}" in Path("drawn.rst").read_text()
    first = Path("table.csv").read_bytes()
    command(*files)
    assert Path("table.csv").read_bytes() == first


@pytest.mark.parametrize("name", ["data", "metrics"])
def test_what_was_not_named_is_said(files, name):
    plan, found = files
    for number in (0, -1 + len(found[name])):
        with pytest.raises(ViperError, match=r"name both data sets|no (?:metrics|data) of it were named"):
            command(plan, found, **{name: found[name][:number] + found[name][number + 1 :]})
    shutil.copy(found[name][0], "elsewhere")
    with pytest.raises(ViperError, match="name files as the rules write them"):
        command(plan, found, **{name: [*found[name], "elsewhere"]})
    assert not Path("table.csv").exists()
