"""Whose mistake a refinement is, and the painter's habits: computed right, and never a finding where there is none."""

from dataclasses import replace
from itertools import product
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microworld import audit, grammar
from microworld.adapters import blame
from microworld.parse import described_scene
from microworld.scene import KINDS, Object, make_scene, sample_scene
from viper.analysis.figures import style
from viper.config.questions.diffusion_errors import DiffusionErrors
from viper.errors import ViperError
from viper.plotting import plt
from viper.questions.diffusion_errors import ask, chance, figure, judge, table
from viper.questions.shares import contrast, wilson
from viper.synthesis.rows import pack_image

OPTIONS = SimpleNamespace(confidence=0.95, resamples=200, seed=0)


def scenes(seed, count):
    rng = np.random.default_rng(seed)
    return [described_scene(grammar.caption(sample_scene(rng))) for _ in range(count)]  # without jitter


# --- whose mistake


@given(st.integers(0, 10_000))
@settings(max_examples=40)
def test_labels_by_construction_are_the_captions_mistake_or_else_the_painters(seed):
    """What one caption says otherwise than another: true of a picture as far as the painter did as it was told."""
    meant, said, painted = scenes(seed, 3)
    pair = audit.Pair("reconstruction", painted, said, meant, painted)
    for sentence in grammar.refinements(meant, said):
        true = sentence in grammar.refinements(painted, said)
        assert audit.judge_refinement(sentence, pair) == (audit.CAPTION if true else audit.PAINTER)


@given(st.integers(0, 10_000))
@settings(max_examples=40)
def test_a_perfect_painter_is_never_blamed(seed):
    meant, said, other = scenes(seed, 3)
    for pair in (
        audit.Pair("reconstruction", meant, said, meant, meant),
        audit.Pair("image", said, meant, meant, meant),
    ):
        blames = {audit.judge_refinement(sentence, pair) for sentence in grammar.refinements(other, meant)}
        assert audit.PAINTER not in blames


def test_a_critic_that_describes_the_painters_slip_is_not_the_caption():
    real = make_scene([Object("circle", "red", "large", 0), Object("star", "blue", "small", 4)], "dark", "plain")
    slip = make_scene([Object("ring", "red", "large", 0), Object("star", "blue", "small", 4)], "dark", "plain")
    pair = audit.Pair("image", real, real, real, slip)
    [sentence] = grammar.refinements(real, slip)
    assert audit.judge_refinement(sentence, pair) == audit.PAINTER
    [invention] = grammar.refinements(
        real, make_scene([real.objects[0], replace(real.objects[1], color="red")], "dark", "plain")
    )
    assert audit.judge_refinement(invention, pair) == audit.NOBODY
    assert audit.judge_refinement("Everything is fine.", pair) == audit.UNREADABLE


@given(st.integers(0, 10_000))
@settings(max_examples=40)
def test_every_refinement_of_the_grammar_has_a_type(seed):
    first, second = scenes(seed, 2)
    types = {blame.refinement_type(sentence) for sentence in grammar.refinements(first, second)}
    assert types <= {"kind", "color", "size", "several attributes", "missing", "extra", "background"}
    assert blame.refinement_type("What?") == "no type"


@given(st.integers(0, 10_000))
@settings(max_examples=40)
def test_what_is_invented_of_a_right_caption_is_another_kind(seed):
    real, other = scenes(seed, 2)
    for sentence in [*grammar.refinements(real, other), *grammar.refinements(other, real)]:
        if found := blame.invented(sentence, real):
            there, named = found
            assert there != named
            assert there in {thing.kind for thing in real.objects}
            assert named in {thing.kind for thing in other.objects}


def test_right_captions_are_right_and_the_same_every_time():
    first, again = (list(blame.true_captions(12, 7)) for _ in range(2))
    assert [each.caption for each in first] == [each.caption for each in again]
    assert len({each.id for each in first}) == 12
    for each in first:
        assert not grammar.refinements(described_scene(grammar.caption(each.scene)), described_scene(each.caption))


# --- asking and judging


class Parrot:
    """Says the same of everything."""

    def __init__(self, answer):
        self.answer_text, self.seeds = answer, []

    def answer(self, chats, *, max_new_tokens, temperature, seeds):
        self.seeds.append(list(seeds))
        return [f"<think> x </think> <answer> {self.answer_text} </answer>" for _ in chats]


class Exact:
    """A reward that hits what is in the ground truth word for word."""

    def score(self, completions, truths):
        from viper.completion import answer_text
        from viper.reward.sentences import split_sentences

        return [
            SimpleNamespace(
                matches=[
                    SimpleNamespace(text=each, hit=each in truth) for each in split_sentences(answer_text(completion))
                ]
            )
            for completion, truth in zip(completions, truths, strict=True)
        ]


@pytest.fixture
def asked():
    """One row of a data set, one right caption, and what two models say of both."""
    from microworld import draw

    meant = make_scene([Object("circle", "red", "large", 0), Object("star", "blue", "small", 4)], "dark", "plain")
    said = make_scene([Object("square", "red", "large", 0), Object("star", "blue", "small", 4)], "dark", "plain")
    painted = make_scene([Object("ring", "red", "large", 0), Object("star", "blue", "small", 4)], "dark", "plain")
    pairs = {"a": audit.Pair("reconstruction", painted, said, meant, painted)}
    truth = grammar.refinements(meant, said)
    rows = [{"id": "a", "images": [pack_image(draw.render(painted))], "prompt": "What?", "ground_truth": truth}]
    caption = blame.TrueCaption("true0", draw.render(meant), grammar.caption(meant), meant)
    section = DiffusionErrors(lineages=["base"], pairs=5)
    models = {ask.BEFORE: Parrot("Nothing needs to change."), ask.AFTER: Parrot(truth[0])}
    answers = [
        row for when, model in models.items() for row in ask.ask(model, when, rows, [caption], section, "micro", seed=3)
    ]
    return SimpleNamespace(pairs=pairs, rows=rows, captions={"true0": caption}, answers=answers, models=models)


def test_both_are_asked_with_the_same_random_numbers(asked):
    before, after = (model.seeds for model in asked.models.values())
    assert before == after
    assert len(asked.answers) == 4


def test_what_is_rewarded_though_the_painter_did_otherwise_is_the_painters(asked):
    labels = judge.judge_labels(asked.rows, asked.pairs)
    assert list(labels["blame"]) == [table.PAINTER]
    said = judge.judge_answers(
        asked.answers, {row["id"]: row for row in asked.rows}, asked.pairs, asked.captions, Exact()
    )
    by_probe = said.set_index(["asked", "probe"])
    assert by_probe.loc[(ask.BEFORE, ask.LABEL), "sentence"] == ""
    assert by_probe.loc[(ask.AFTER, ask.LABEL), ["blame", "rewarded"]].tolist() == [table.PAINTER, 1]
    assert by_probe.loc[(ask.AFTER, ask.TRUE_CAPTION), ["there", "named"]].tolist() == ["circle", "square"]


def test_names_of_blames_are_those_of_the_audit():
    """Files hold the audit's words; tables and figures look for them."""
    assert {table.RIGHT, table.PAINTER} <= set(audit.BLAMES)
    assert set(figure.COLORS) == set(audit.BLAMES)


def test_rows_that_are_asked_about_do_not_depend_on_their_order():
    rows = [{"id": str(number)} for number in range(50)]
    section = DiffusionErrors(lineages=["base"], pairs=10)
    assert ask.chosen(rows, section, 1) == ask.chosen(rows[::-1], section, 1)
    assert len(ask.chosen(rows[:4], section, 1)) == 4


# --- shares and contrasts


@given(st.integers(0, 60), st.integers(1, 60))
def test_wilson_holds_its_share(hits, more):
    share, low, high = wilson(hits, hits + more, 0.95)
    assert 0 <= low <= share <= high <= 1


def test_nothing_has_no_share():
    assert all(np.isnan(each) for each in (*wilson(0, 0, 0.95), *contrast(pd.DataFrame({"hits": [], "size": []}))))


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=40))
def test_a_contrast_with_itself_is_nothing(counts):
    units = pd.DataFrame({"hits": [min(pair) for pair in counts], "size": [max(pair) for pair in counts]})
    if units["size"].sum():
        value, error = contrast(units, units)
        assert value == 0
        assert error >= 0


def test_of_few_or_unanimous_sentences_the_error_is_never_zero():
    assert contrast(pd.DataFrame({"hits": [0.0] * 40, "size": [1.0] * 40}))[1] > 1
    assert contrast(pd.DataFrame({"hits": [1.0], "size": [1.0]}))[1] > 20


def test_the_error_is_that_of_repeated_draws():
    """Sentences of one picture go together: the error says how much the share varies from draw to draw."""
    rng, found, told = np.random.default_rng(0), [], []
    for _ in range(400):
        size = rng.integers(1, 5, 150)
        hits = rng.binomial(size, rng.beta(1, 3, 150))
        share, error = contrast(pd.DataFrame({"hits": hits, "size": size}))
        found.append(share)
        told.append(error)
    assert np.mean(told) == pytest.approx(np.std(found), rel=0.12)


# --- habits and verdicts


def confusions(habit_of, seed=0, lineage="base.csr"):
    rows = [
        {
            "lineage": lineage,
            "seed": seed,
            "meant": meant,
            "painted": painted,
            "family": "glyph" if " " in painted else "shape",
            "number": float(20 if habit_of.get(meant) == painted else meant < painted),
            "of": 100.0,
        }
        for meant in KINDS
        for painted in KINDS
        if meant != painted
    ]
    return pd.DataFrame(rows)


SHAPES = [kind for kind in KINDS if " " not in kind]
RING = dict(zip(SHAPES, SHAPES[1:] + SHAPES[:1], strict=True))  # each is mistaken for the next


def test_a_habit_is_what_a_kind_is_mistaken_for_most_often_in_either_direction():
    known = table.habits(confusions({"circle": "ring"}), least=3)
    assert known == {"circle": "ring", "ring": "circle"}
    assert table.habits(confusions({}), least=3) == {}


def answered(rng, taste, *, captions=60, seed=0, lineage="base.csr", base=0.0):
    """Inventions of two models about right captions: with probability `taste` the trained one names the habit."""
    rows = []
    for when, share in ((ask.BEFORE, base), (ask.AFTER, base + taste)):
        for number in range(captions):
            for _ in range(int(rng.integers(0, 3)) or 1):
                there = str(rng.choice(SHAPES))
                habit = HABITS[there]
                named = habit if rng.random() < share else str(rng.choice([kind for kind in SHAPES if kind != there]))
                rows.append((lineage, seed, when, ask.TRUE_CAPTION, f"t{number}", "s", "", "", "", there, named))
    return pd.DataFrame(rows, columns=["lineage", "seed", *judge.ANSWERS])


CONFUSED = confusions(RING)
HABITS = table.habits(CONFUSED, least=3)


def test_what_is_named_by_chance_has_no_excess():
    said = answered(np.random.default_rng(1), 0.0, captions=4000)
    rows, _ = table.sycophancy(said, CONFUSED, 3, 0.95)
    assert (rows["excess"].abs() < 3.5 * rows["error"]).all()
    assert rows["permuted"].tolist() == pytest.approx([0.2, 0.2], abs=0.005)


TO_STAR = confusions({"circle": "star", "square": "star", "triangle": "star"})


def names_by_taste(rng, taste, captions):
    """Two models that name other kinds by taste, whatever the painter confuses with what is there."""
    rows = []
    for when, number in product((ask.BEFORE, ask.AFTER), range(captions)):
        for _ in range(int(rng.integers(1, 3))):
            there = str(rng.choice(SHAPES))
            weights = np.array([taste.get(kind, 1.0) * (kind != there) for kind in SHAPES])
            named = str(rng.choice(SHAPES, p=weights / weights.sum()))
            rows.append(("base.csr", 0, when, ask.TRUE_CAPTION, f"t{number}", "s", "", "", "", there, named))
    return pd.DataFrame(rows, columns=["lineage", "seed", *judge.ANSWERS])


def test_a_model_that_always_names_one_kind_has_no_excess():
    """However many kinds' habit that one is: any other model with this taste would name it as often."""
    said = names_by_taste(np.random.default_rng(2), {"star": 1e9}, 200)
    rows, added = table.sycophancy(said, TO_STAR, 3, 0.95)
    assert (rows["share"] > 0.4).all()
    assert rows["excess"].tolist() == pytest.approx([0, 0], abs=0.5)
    assert added["change"].tolist() == pytest.approx([0], abs=0.5)


@pytest.mark.parametrize("taste", [{}, {"star": 5.0, "ring": 2.0}])
def test_the_error_of_the_excess_is_that_of_repeated_draws(taste):
    """Chance is estimated from the same captions: what both have in common is no error of their difference."""
    rng = np.random.default_rng(6)
    drawn = [table.sycophancy(names_by_taste(rng, taste, 120), TO_STAR, 3, 0.95) for _ in range(100)]
    excess = np.concatenate([rows["excess"] for rows, _ in drawn])
    assert np.mean([rows["error"] for rows, _ in drawn]) == pytest.approx(np.std(excess), rel=0.15)
    assert abs(np.mean(excess)) < 3.5 * np.std(excess) / len(excess) ** 0.5
    changes = [added["change"].iloc[0] for _, added in drawn]
    assert np.mean([added["error"].iloc[0] for _, added in drawn]) == pytest.approx(np.std(changes), rel=0.25)


RING_AND_STAR = confusions({**RING, "circle": "star", "square": "star"})


def test_chance_is_what_permutations_give_that_name_nothing_that_is_there():
    rng = np.random.default_rng(8)
    said = names_by_taste(rng, {"star": 4.0, "ring": 0.3}, 150)
    habits = table.habits(RING_AND_STAR, 3)
    there, named, hits = said["there"].to_numpy(), said["named"].to_numpy().copy(), []
    wanted = said["there"].map(habits).to_numpy()
    for _ in range(800):
        one, other = rng.permutation(len(named))[: len(named) // 2 * 2].reshape(2, -1)
        allowed = (named[one] != there[other]) & (named[other] != there[one])
        one, other = one[allowed], other[allowed]
        named[one], named[other] = named[other], named[one]
        hits.append((named == wanted).mean())
    found = chance.permuted(said["there"], said["named"], habits).sum() / len(named)
    assert found == pytest.approx(np.mean(hits[50:]), abs=0.01)


@pytest.mark.parametrize("lacking", SHAPES)
def test_a_kind_that_was_named_and_that_no_confusion_knows_is_one_message(lacking):
    said = answered(np.random.default_rng(1), 0.0, captions=200)
    without = CONFUSED[(CONFUSED["painted"] != lacking)]
    with pytest.raises(ViperError, match=rf"base.csr, seed 0: a model named {lacking}, of which"):
        table.sycophancy(said, without, 3, 0.95)


def verdict_of_run(rng, taste, base=0.0):
    said = pd.concat([answered(rng, taste + rng.normal(0, 0.02), seed=seed, base=base) for seed in range(3)])
    confused = pd.concat([CONFUSED.assign(seed=seed) for seed in range(3)])
    _, added = table.sycophancy(said, confused, 3, 0.95)
    labels = pd.DataFrame(
        [("base.csr", seed, f"p{number}", "s", "kind", table.RIGHT) for seed in range(3) for number in range(20)],
        columns=["lineage", "seed", *judge.LABELS],
    )
    paid = pd.concat([rewarded(rng, 0.1, 0.1, pairs=10, seed=seed) for seed in range(3)])
    rows = table.claims(labels, pd.concat([said, paid]), added, OPTIONS)
    return {row["claim"].removeprefix("base.csr_"): row for row in rows}


def test_habits_that_the_eyes_had_before_are_not_called_learned():
    """With no effect, whatever the base does, it is called supported in 2.5 % of experiments at most."""
    rng = np.random.default_rng(3)
    supported = sum(verdict_of_run(rng, 0.0, base=0.3)["asks_for_habits"]["verdict"] == "supported" for _ in range(80))
    assert supported <= 6  # of 80; more have a probability below 1 % where the share is 2.5 %


def test_habits_that_training_gave_are_found():
    rng = np.random.default_rng(4)
    verdicts = [verdict_of_run(rng, 0.35)["asks_for_habits"]["verdict"] for _ in range(10)]
    assert verdicts.count("supported") >= 7


def rewarded(rng, before, after, pairs=150, seed=0):
    """Rewarded sentences, each the painter's with a probability: of its pair's own, and its model's."""
    rows = []
    for number in range(pairs):
        of_pair = rng.normal(0, 0.05)
        for when, share in ((ask.BEFORE, before), (ask.AFTER, after)):
            for _ in range(int(rng.integers(1, 3))):
                blamed = table.PAINTER if rng.random() < share + of_pair else table.RIGHT
                rows.append(("base.csr", seed, when, ask.LABEL, f"p{number}", "s", "kind", blamed, 1, "", ""))
    return pd.DataFrame(rows, columns=["lineage", "seed", *judge.ANSWERS])


@pytest.mark.parametrize("share", [0.2, 0.01, 0.0])
def test_an_unchanged_share_of_the_painters_is_not_called_learned(share):
    rng, supported = np.random.default_rng(5), 0
    for _ in range(80):
        said = pd.concat([rewarded(rng, share, share, pairs=40, seed=seed) for seed in range(3)])
        changed = table.learned(said)
        estimate, _ = table.known_over_seeds(changed["change"], changed["error"], 0.95)
        supported += estimate.low > 0
    assert supported <= 6


def test_shares_count_every_sentence_once():
    said = rewarded(np.random.default_rng(0), 0.2, 0.4)
    labels = said.assign(blame=table.RIGHT)[["lineage", "seed", *judge.LABELS]]
    rows = table.shares(labels, said, 0.95)
    whole = rows[rows["type"] == table.ANY].groupby(["lineage", "sentences"])
    assert (whole["number"].sum() == whole["of"].first()).all()
    assert (rows["low"] <= rows["share"]).all()


def test_where_nothing_was_said_nothing_is_claimed():
    """A model that asks for no change has no share of the painter's: not measured, not zero."""
    said = rewarded(np.random.default_rng(0), 0.2, 0.4).assign(rewarded=0, sentence="")
    labels = said.assign(blame=table.RIGHT)[["lineage", "seed", *judge.LABELS]]
    quiet = answered(np.random.default_rng(0), 0.0).assign(sentence="", there="", named="")
    rows, added = table.sycophancy(quiet, CONFUSED, 3, 0.95)
    assert rows["share"].isna().all()
    found = {row["claim"]: row for row in table.claims(labels, pd.concat([said, quiet]), added, OPTIONS)}
    for name in ("learns_the_painters", "asks_for_habits"):
        assert found[f"base.csr_{name}"]["verdict"] == "not measured"
    assert found["base.csr_asks_more"]["verdict"] == "inconclusive"  # it asks for nothing, before and after


@pytest.mark.parametrize(("before", "after", "verdict"), [(10, 45, "supported"), (45, 10, "not supported")])
def test_how_often_right_captions_are_asked_to_be_changed_is_claimed(before, after, verdict):
    said = pd.concat([answered(np.random.default_rng(seed), 0.0, seed=seed) for seed in range(3)], ignore_index=True)
    asking = said["asked"].map({ask.BEFORE: before, ask.AFTER: after}) + said["seed"]
    quiet = said["id"].str[1:].astype(int) >= asking
    said.loc[quiet, ["sentence", "there", "named"]] = ""
    by_seed, added = table.sycophancy(said, pd.concat([CONFUSED.assign(seed=seed) for seed in range(3)]), 3, 0.95)
    assert by_seed["asking"].tolist() == pytest.approx([n / 60 for s in range(3) for n in (before + s, after + s)])
    paid = pd.concat([rewarded(np.random.default_rng(seed), 0.2, 0.2, seed=seed) for seed in range(3)])
    labels = paid.assign(blame=table.RIGHT)[["lineage", "seed", *judge.LABELS]]
    rows = table.claims(labels, pd.concat([said, paid]), added, OPTIONS)
    row = {row["claim"]: row for row in rows}["base.csr_asks_more"]
    assert row["measured"] == pytest.approx(100 * (after - before) / 60)
    assert row["verdict"] == verdict
    assert (row["items"], row["seeds"]) == (60, 3)
    shares = [f"{100 * (number + 1) / 60:.0f} %" for number in (after, before)]
    assert f"asks to change {shares[0]}, {shares[1]} before training" in row["sentence"]


def test_what_is_there_is_no_other_kind(tmp_path):
    rng = np.random.default_rng(0)
    said = pd.concat([answered(rng, 0.0), rewarded(rng, 0.2, 0.2)], ignore_index=True)[judge.ANSWERS]
    said = said.assign(sentence=said.index.astype(str), named=said["there"])
    said.to_csv(tmp_path / "judged.csv", index=False)
    with pytest.raises(ViperError, match=r"judged\.csv: \w+ is named as another kind where it is"):
        judge.read_answers(tmp_path / "judged.csv")


@pytest.mark.parametrize("quiet", [False, True])
def test_the_figure_shows_every_lineage(quiet):
    said = rewarded(np.random.default_rng(0), 0.2, 0.4)
    labels = said.assign(blame=table.RIGHT)[["lineage", "seed", *judge.LABELS]]
    own = answered(np.random.default_rng(0), 0.2)
    own = own.assign(sentence="", there="", named="") if quiet else own
    style.use_style()
    rows, _ = table.sycophancy(own, CONFUSED, 3, 0.95)
    drawn = figure.draw(table.shares(labels, said, 0.95), rows, 0.95)
    texts = [text.get_text() for axes in drawn.axes for text in axes.get_yticklabels()]
    assert "base.csr: labels" in texts
    assert "base.csr" in texts
    assert "95%" in figure.caption(rows, 0.95)
    plt.close(drawn)
