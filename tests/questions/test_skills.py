"""The question `skills`: balanced probes, and verdicts that do not see what is not there."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from microworld.adapters.skills import SKILLS, draw, write
from microworld.benchmarks import find
from microworld.scene import split_of
from scripted import Scripted
from viper import completion
from viper.analysis.verdicts import INCONCLUSIVE, SUPPORTED
from viper.config.analysis import Analysis
from viper.config.evaluation import Evaluation, Split
from viper.config.models import VlmSection
from viper.config.questions.skills import Skills
from viper.errors import ViperError
from viper.evaluation.answers import read
from viper.questions.skills import figure, probe, table, world
from viper.questions.skills.table import Answers

OPTIONS = Analysis(
    split="test", resamples=100, confidence=0.95, margin=1.0, seed_spread=0.5, seed=0, published_model="3B"
)
LINEAGES = ["base", "base.csr", "base.vop"]
SKILL_NAMES = [f"skill {number}" for number in range(4)]
CONTRASTS = np.array([0.6, 0.7, 0.8, 0.9, 1.0])
CHANCE = dict.fromkeys(SKILL_NAMES, 0.25)


@pytest.mark.parametrize("name", SKILLS)
def test_every_letter_is_right_equally_often(name):
    for size in (20, 23):
        probes = draw(name, 3, size, "test")
        counts = Counter(probe.answer for probe in probes)
        assert len(probes) == size
        assert len(counts) == SKILLS[name].options == len(probes[0].options)
        assert max(counts.values()) - min(counts.values()) <= 1
        assert {split_of(scene) for probe in probes for scene in probe.scenes} == {"test"}


def test_equal_seeds_draw_equal_probes():
    assert draw("color", 5, 8, "dev") == draw("color", 5, 8, "dev")
    assert draw("color", 5, 8, "dev") != draw("color", 6, 8, "dev")


def simulated(rng: np.random.Generator, gain: float, spread: float, seeds: int = 3, items: int = 60):
    """Answers of a base and two trained lineages, whose runs differ by `spread` from a true `gain` (shares)."""
    answered = {}
    run = rng.normal(gain, spread, (len(LINEAGES), seeds))
    run[0] = 0
    for skill in SKILL_NAMES:
        ease = rng.uniform(0.3, 0.7, (1, 1, 1, items)) + run[:, :, None, None] + (CONTRASTS - 0.8)[:, None] * 0.5
        drawn = (rng.random((len(LINEAGES), seeds, len(CONTRASTS), items)) < ease).astype(float)
        drawn[0] = drawn[0, :1]  # the base is asked once
        answered[skill] = Answers(drawn, np.ones_like(drawn))
    return answered


def guessing(rng: np.random.Generator, seeds: int = 3, items: int = 200):
    """Answers of models that see the same; where they see nothing, the base names no option, and the others guess."""
    answered, shape = {}, (len(LINEAGES), seeds, len(CONTRASTS), items)
    for skill in SKILL_NAMES:
        sees = np.broadcast_to(rng.random((len(CONTRASTS), items)) < ((CONTRASTS - 0.6) / 0.4)[:, None], shape)
        named = sees | (np.arange(len(LINEAGES)) > 0)[:, None, None, None]
        hit = sees | (named & (rng.random(shape) < CHANCE[skill]))
        answered[skill] = Answers(hit.astype(float), named.astype(float))
    return answered


def judged(answered, chance=CHANCE):
    scores = table.score(answered, chance, LINEAGES, OPTIONS)
    return table.claims(table.changes(scores, answered, LINEAGES))


@pytest.mark.parametrize("seeds", [1, 3])
def test_no_effect_is_seldom_called_one(seeds):
    rng = np.random.default_rng(0)
    found = [judged(simulated(rng, 0.0, 0.0 if seeds == 1 else 0.01, seeds)) for _ in range(60)]
    wrong = [bool((claims["verdict"] == SUPPORTED).any()) for claims in found]
    assert np.mean(wrong) <= 0.05, "of whole experiments; each alone may be wrong in 2.5 %"


def test_a_large_effect_is_found():
    claims = judged(simulated(np.random.default_rng(1), 0.3, 0.01))
    assert set(claims["verdict"]) == {SUPPORTED}


def test_who_begins_to_guess_does_not_rise():
    """As VLMEvalKit counts, with no credit for an answer that names no option, every lineage would."""
    answered = guessing(np.random.default_rng(3))
    assert set(judged(answered, dict.fromkeys(SKILL_NAMES, 0.0))["verdict"]) == {SUPPORTED}
    claims = judged(answered)
    assert set(claims["verdict"]) == {INCONCLUSIVE}
    assert claims["measured"].abs().max() < 2


def test_an_answer_that_names_no_option_lies_at_chance_and_what_is_scored_stands_beside_it():
    answered = guessing(np.random.default_rng(4))
    rows = table.curves(answered, CONTRASTS, CHANCE, LINEAGES, OPTIONS)
    faintest = rows[rows["contrast"] == CONTRASTS[0]].set_index("lineage")
    assert faintest.loc["base", "accuracy"].tolist() == pytest.approx([25.0] * len(SKILL_NAMES))
    assert faintest.loc["base.csr", "accuracy"].tolist() == pytest.approx([25.0] * len(SKILL_NAMES), abs=5)
    assert set(faintest.loc["base", "right"]) == {0.0}
    assert set(faintest.loc["base", "unnamed"]) == {100.0}
    assert set(faintest.loc["base.csr", "unnamed"]) == {0.0}
    changes = table.changes(table.score(answered, CHANCE, LINEAGES, OPTIONS), answered, LINEAGES)
    assert changes["compared_unnamed"].between(45, 55).all()
    assert set(changes["unnamed"]) == {0.0}
    assert (changes["right"] - changes["compared_right"]).min() > 10
    sentence = table.claims(changes)["sentence"].iloc[0]
    assert "an answer that names no option counted as a guess: that it rises is inconclusive. VLMEvalKit" in sentence
    assert "as wrong 0.0 % that name no option against " in sentence


@pytest.mark.parametrize("chance", [0.2, 0.25])
def test_a_fit_finds_the_curve_that_it_was_given(chance):
    for threshold, width, top in [(0.8, 0.05, 0.95), (0.72, 0.03, 0.9)]:
        right = table.curve(CONTRASTS, threshold, width, top, chance)
        assert table.fit(CONTRASTS, right, chance) == pytest.approx((threshold, width, top), abs=1e-3)


def test_a_fit_stays_between_chance_and_one_whatever_it_is_given():
    rng = np.random.default_rng(2)
    for _ in range(30):
        threshold, width, top = table.fit(CONTRASTS, rng.random(5), 0.25)
        assert 0 <= threshold <= 1.5
        assert width > 0
        assert 0.25 <= top <= 1


@pytest.mark.parametrize(
    ("accuracy", "is_said"),
    [
        ([0.26, 0.35, 0.6, 0.85, 0.9], True),
        ([0.25, 0.25, 0.9, 0.9, 0.9], False),  # a step, as steep as you like
        ([0.25, 0.25, 0.25, 0.25, 0.25], False),  # no rise
        ([0.99, 0.99, 1.0, 1.0, 1.0], False),  # risen before the faintest that was asked
    ],
)
def test_a_threshold_and_a_width_that_the_answers_do_not_say_are_left_empty(accuracy, is_said, tmp_path):
    hits = np.zeros((2, 1, len(CONTRASTS), 100))
    for place, share in enumerate(accuracy):
        hits[:, :, place, : round(100 * share)] = 1
    answered = {"size": Answers(hits, np.ones_like(hits))}
    changes = table.changes(table.score(answered, {"size": 0.25}, LINEAGES[:2], OPTIONS), answered, LINEAGES[:2])
    rows = table.curves(answered, CONTRASTS, {"size": 0.25}, LINEAGES[:2], OPTIONS)
    assert rows[["threshold", "width"]].notna().to_numpy().tolist() == [[is_said, is_said]] * len(rows)
    assert rows["fitted"].to_numpy() == pytest.approx(100 * np.tile(accuracy, 2), abs=3)
    for name, written in (("changes", changes), ("curves", rows)):
        written.to_csv(tmp_path / name, index=False)
    known = table.read_changes(tmp_path / "changes")
    pd.testing.assert_frame_equal(table.read_curves(tmp_path / "curves", known), rows, check_dtype=False)
    figure.draw_curves(rows)  # the curve is drawn all the same


def measured(**changes):
    rows = {"skill": "a", "item": [0, 1], "contrast": 1.0, "answer": ["A", "B"], "hit": [0, 1], "named": 1}
    return pd.DataFrame(rows | changes)


def test_other_probes_are_refused():
    one, other = measured(), measured(answer=["B", "A"])
    with pytest.raises(ViperError, match="other probes"):
        table.arrange({("base", 0): one, ("base.csr", 0): other}, ["base", "base.csr"])
    with pytest.raises(ViperError, match="not measured"):
        table.arrange({("base", 0): one}, ["base", "base.csr"])
    trained = {("base.csr", seed): one for seed in (0, 2)}
    with pytest.raises(ViperError, match=r"base\.csr, seed 1: not measured"):
        table.arrange({("base", 0): one, ("base.vop", 1): one, **trained}, ["base", "base.csr"])


def test_what_was_answered_is_arranged_by_lineage_seed_contrast_and_item():
    trained = {("base.csr", seed): measured(hit=0, named=[seed / 2, 1]) for seed in (0, 2)}
    answered = table.arrange({("base", 0): measured(), **trained}, ["base", "base.csr"])["a"]
    assert answered.hit.tolist() == [[[[0, 1]], [[0, 1]]], [[[0, 0]], [[0, 0]]]]
    assert answered.named.tolist() == [[[[1, 1]], [[1, 1]]], [[[0, 1]], [[1, 1]]]]
    assert answered.credited(0.25).tolist() == [[[[0, 1]], [[0, 1]]], [[[0.25, 0]], [[0, 0]]]]


def test_a_hit_that_names_no_option_is_refused(tmp_path):
    path = tmp_path / "skills.csv"
    measured(named=[0, 1]).to_csv(path, index=False)
    assert table.read_measured(path, ["a"], [1.0])["named"].tolist() == [0, 1]
    measured(named=[1, 0]).to_csv(path, index=False)
    with pytest.raises(ViperError, match=r"skills\.csv: the row skill a, item 1, contrast 1: names no option, but is"):
        table.read_measured(path, ["a"], [1.0])
    measured().drop(columns="named").to_csv(path, index=False)
    with pytest.raises(ViperError, match="named"):
        table.read_measured(path, ["a"], [1.0])


@pytest.mark.parametrize(
    ("kind", "said", "expected"),
    [
        ("choice", "B", 1),
        ("choice", "a ring", 1),
        ("choice", "digit 4", 0),
        ("choice", "A or B", 0),
        ("letter", "(B)", 1),
        ("letter", "a ring", 0),  # nothing but letters count
        ("yes/no", "No.", 1),
        ("yes/no", "digit 4", 0),
        ("yes/no", "yes and no", 0),
        ("text", "digit 4", 1),
        ("text", "", 0),
    ],
)
def test_whether_an_answer_names_an_option(kind, said, expected):
    options = {"A": "a disc", "B": "a ring"} if kind in ("choice", "letter") else {}
    reading = read(completion.write("I look.", said), kind, options)
    assert probe.names_an_option(pd.Series([reading.how])).tolist() == [expected]


def test_it_is_recorded_whether_an_answer_names_an_option(tmp_path, monkeypatch):
    """Of each skill's four probes the first is answered right, the second wrong, and the others with none of them."""
    probes = [draw(name, 0, 4, "dev") for name in SKILLS]

    def reply(question):
        (place,) = (questions.index(question) for questions in probes if question in questions)
        other = next(letter for letter in question.options if letter != question.answer)
        said = (question.answer, other, "nothing to be seen", "nothing to be seen")[place]
        return completion.write(question.thought, said)

    asked = [question for questions in probes for question in questions]
    files = [tmp_path / f"{name}.tsv" for name in world.benchmarks()]
    for path in files:
        write(path.stem, 0, 4, "dev", path)
    evaluation = Evaluation(
        source="world",
        benchmarks={"MMStar": "MicroStar"},
        splits={"test": Split(size=4)},
        asking={"max_new_tokens": 8},
    )
    monkeypatch.setattr(probe, "load_vlm", lambda path, section: Scripted(asked, reply))
    rows = probe.measure(tmp_path, VlmSection(path="base"), evaluation, "base", [1.0, 0.6], files)
    assert list(rows.columns) == probe.COLUMNS
    assert len(rows) == 2 * 4 * len(SKILLS)
    for _, part in rows.groupby(["skill", "contrast"]):
        assert part.sort_values("item")[["hit", "named"]].to_numpy().tolist() == [[1, 1], [0, 1], [0, 0], [0, 0]]


def test_every_probe_is_asked_once():
    """What is asked several times (CRPE) has several readings, and no chance of 1/k."""
    assert {find(skill.benchmark).scoring.rows_together for skill in SKILLS.values()} == {1}


def test_contrasts_must_fall():
    with pytest.raises(ValidationError, match="does not fall"):
        Skills(lineages=["base"], seed=0, items=4, contrasts=[0.6, 0.7, 0.8, 0.9])


def test_counts_in_the_caption_are_whole(tmp_path):
    """A table that was read holds them as fractions."""
    row = {"skill": "text", "lineage": "base.csr", "compared_with": "base", "change": 1.0, "low": 0.5, "high": 2.0}
    path = tmp_path / "changes.csv"
    row |= {"right": 60.0, "unnamed": 5.0, "compared_right": 58.0, "compared_unnamed": 12.0}
    pd.DataFrame([row | {"items": 200, "seeds": 3, "comparisons": 32}])[table.CHANGES].to_csv(path, index=False)
    text = figure.caption(table.read_changes(path), 0.95)
    assert "200 probes a skill, 3 seed(s)" in text
    assert "all 32 comparisons with 95%" in text
    assert "an answer that names no option counts as a guess" in text


def test_the_caption_of_the_curves_says_how_many_answers_name_no_option():
    rows = table.curves(guessing(np.random.default_rng(5), seeds=1), CONTRASTS, CHANCE, LINEAGES, OPTIONS)
    assert "counts as a guess, that is, as chance: 0 to 100 % of the answers at a point." in " ".join(
        figure.curves_caption(rows, 0.95).split()
    )
