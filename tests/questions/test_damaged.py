"""What the open questions read, and the cloud of words: it passes as it is written, and with no fault at any place."""

import itertools
from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from damage import FAULTS, NO_NUMBERS, damaged
from repository import ROOT
from viper.analysis import rewards, words
from viper.analysis.benchmark_names import own_names
from viper.analysis.bootstrap import accuracy, resample
from viper.analysis.keyed import FINITE
from viper.commands import build
from viper.config import load
from viper.config.options import to_json
from viper.errors import ViperError
from viper.files import write_table
from viper.lineage import is_trained
from viper.questions import answers, audits
from viper.questions.ablation_labels import table as ablation_labels
from viper.questions.diffusion_errors import ask, judge
from viper.questions.diffusion_errors import table as diffusion_errors
from viper.questions.families import table as families
from viper.questions.generations import diversity, measures
from viper.questions.generations import table as generations
from viper.questions.generations.course import COURSES
from viper.questions.generations.plan import CONTROL, turns
from viper.questions.inspection import table as inspection
from viper.questions.inspection.items import KEY, YES
from viper.questions.objectives import budget
from viper.questions.objectives import table as objectives
from viper.questions.painter_fidelity import table as painter_fidelity
from viper.questions.reward_audit import claims as reward_audit
from viper.questions.reward_audit import table as rescored
from viper.questions.reward_audit.probes import HELD_TO

RECORDED, SEEDS, SCALE = ROOT / "results/recorded/micro", (0, 1), load("micro")
ASKED = SCALE.open_questions
RUNS = pd.DataFrame(itertools.product(("base.csr", "base.vop"), SEEDS), columns=["lineage", "seed"])


def scores(lineages):
    """Made-up scores of some lineages; of the base the same with every seed."""
    hits = np.random.default_rng(0).uniform(size=(len(lineages), len(SEEDS), 30)) < 0.6
    hits[0] = hits[0, 0]
    return resample([accuracy("MMStar", hits.astype(float))], lineages, resamples=50, confidence=0.95, seed=0)


def product(**columns):
    """Every combination of what some columns hold."""
    return pd.DataFrame(itertools.product(*columns.values()), columns=list(columns))


def recorded(name):
    return pd.read_csv(RECORDED / name, keep_default_na=False, na_values=[""])


# --- tables as commands make them


def steps():
    """Six steps of training, every other one of which goes on with what was sampled before."""
    rows = pd.DataFrame({"step": range(1, 7), "reward": 0.5, "tokens": 90.0, "copied": 0.1, "distinct": 3.0})
    rows.loc[1::2, ["reward", "tokens", "copied", "distinct"]] = np.nan
    return rows.assign(precision=np.nan, alarm="", seconds=1.5)


def of_objectives():
    lineages = ASKED.objectives.lineages
    budgets = {(name, seed): pd.Series(3.0, budget.COUNTS) for name in lineages[1:] for seed in SEEDS}
    return objectives.summary(scores(lineages), lineages, budgets, dict.fromkeys(ASKED.objectives.curves, 0.5))


def over_compute():
    rows = product(lineage=ASKED.objectives.curves, seed=SEEDS, step=(1, 3))
    return rows.assign(passes=1e5 * rows["step"], reward=0.5, smoothed=0.5)


def of_families():
    course = ASKED.families
    return own_names(families.summary(scores(course.lineages), course.families, 2), {"MMStar": "MicroStar"})


@cache
def fidelity():
    lineages = ASKED.painter_fidelity.lineages
    return painter_fidelity.measure(painted(), scores(lineages), lineages, SEEDS, 0)


def painted():
    made = dict.fromkeys(map(painter_fidelity.synthesizer, ASKED.painter_fidelity.lineages[1:]))
    rows = product(lineage=made, seed=SEEDS, share=painter_fidelity.SHARES.values())
    rows[["step", "measure"]] = rows["share"].tolist()
    return rows.assign(share=np.linspace(0.4, 0.9, len(rows)), n=50)[audits.COLUMNS]


@cache
def loops():
    """The summary of all generations, and their claims."""
    plan = turns(SCALE)
    lineages = list(dict.fromkeys(turn.lineage for turn in plan))
    scored = scores(lineages)
    said = {name: diversity.Said({"a": 3, "b": 2}, {"color": 5}) for name in measures.SETS}
    audit = pd.DataFrame(measures.AUDITED.values(), columns=["step", "measure"]).assign(share=0.8, n=50)
    of_data = [*measures.of_data(said, {"csr": 4, "vop": 4}), *measures.of_audit(audit)]
    rows = measures.runs(
        plan,
        SEEDS,
        accuracy={lineage: measures.of_accuracy(scored, lineage) for lineage in lineages},
        data={(turn.data, seed): of_data for turn in plan for seed in SEEDS},
        training={(name, seed): measures.of_training([0.1, 0.2, 0.3], 2) for name in lineages for seed in SEEDS},
    )
    claims = generations.claims(plan, rows, scored, ASKED.generations, SCALE.analysis)
    return generations.summary(rows, scored, 0.95), claims


def courses():
    claims = loops()[1]
    return claims[claims["claim"].str.endswith(generations.COURSE)].reset_index(drop=True)


def of_rewards():
    rows = product(lineage=ASKED.reward_audit.lineages[1:], seed=SEEDS, step=range(1, 4))
    seen = rows.assign(copied=0.1, distinct=3.0, precision=np.nan, alarm="")
    return reward_audit.summary(scores(ASKED.reward_audit.lineages), ASKED.reward_audit, seen)


def areas():
    rows = product(embedder=("minilm", "e5"), source=(rescored.ROLLOUTS, "wording"), seed=SEEDS)
    return rows.assign(sentences=30, true=12, auc=0.8, error=0.02)


def probes():
    rows = product(
        embedder=("minilm", "e5"), threshold=(rescored.CALIBRATED, "0.85"), tau=[0.85], coverage=rescored.COVERAGES,
        lineage=RUNS["lineage"].unique(), seed=SEEDS, probe=HELD_TO,
    )  # fmt: skip
    rows[["coverage", "one_to_one"]] = rows["coverage"].tolist()
    rows = rows.assign(tasks=8, correct=1.2, correct_error=0.1, true_correct=0.1, advantage=-0.2, advantage_error=0.1)
    rows["less"] = rows["less_error"] = np.where(rescored.is_under(rows, rescored.PLAIN), np.nan, 0.1)
    return rows[rescored.PROBES]


def labels():
    rows = product(id=("a", "b"), sentence=("one", "two"))
    return rows.assign(type="kind", blame=np.resize([diffusion_errors.PAINTER, diffusion_errors.RIGHT], len(rows)))


def said():
    """Of two rows each is asked about with two sentences before; after it, the second has nothing to change."""
    rows = product(
        asked=(ask.BEFORE, ask.AFTER), probe=(ask.LABEL, ask.TRUE_CAPTION), id=("a", "b"), sentence=("x", "y")
    )
    rows = rows[(rows["asked"] == ask.BEFORE) | (rows["id"] == "a") | (rows["sentence"] == "x")].reset_index(drop=True)
    of_label = rows["probe"] == ask.LABEL
    rows = rows.assign(type="kind", blame=diffusion_errors.PAINTER, rewarded=1.0, there="circle", named="ring")
    rows.loc[of_label, ["there", "named"]] = ""
    rows.loc[~of_label, ["type", "blame"]] = ""
    rows.loc[~of_label, "rewarded"] = np.nan
    rows.loc[(rows["asked"] == ask.AFTER) & (rows["id"] == "b"), ["sentence", "type", "blame", "there", "named"]] = ""
    return rows[judge.ANSWERS]


def confusions():
    rows = product(meant=("circle", "ring", "star"), painted=("circle", "ring", "star"))
    rows = rows[rows["meant"] != rows["painted"]].reset_index(drop=True)
    return rows.assign(family="shape", number=5, of=20)[judge.CONFUSIONS]


def of_runs(table):
    return RUNS.merge(table, how="cross")


@cache
def shares():
    """Nothing was said before training, so that nobody's share of it is known."""
    rows = of_runs(said())
    return diffusion_errors.shares(of_runs(labels()), rows[rows["asked"] == ask.AFTER], 0.95)


def sycophancy():
    rows = of_runs(said())
    quiet = (rows["lineage"] == "base.vop") & (rows["asked"] == ask.BEFORE)
    rows.loc[quiet, ["sentence", "there", "named"]] = ""
    return diffusion_errors.sycophancy(rows, of_runs(confusions()), 3, 0.95)[0]


def inspected():
    """Judged by two, of whom one has not looked for what else differs."""
    rows = product(page=["p"], seed=["0"], lineage=("base", "base~paper"), id=("a", "b"), part=("0", "else"))
    judged = rows.assign(first=YES, second=np.where(rows["part"] == "else", "", YES)).set_index(KEY)
    return inspection.shares(judged, 0.95)


# --- what is read


class Case(NamedTuple):
    """A table that some command reads.

    Attributes:
        finite: columns whose numbers may be any.
        bounded: those whose numbers may not be -7.5.
        optional: likewise, but each may be blank.
        counted: which of its rows cannot be lost unseen.
    """

    make: Callable[[], pd.DataFrame]
    read: Callable
    finite: Sequence[str] = ()
    bounded: Sequence[str] = ()
    optional: Sequence[str] = ()
    counted: Callable[[pd.DataFrame], pd.Series | bool] = lambda table: True


def is_base(table):
    return ~table["lineage"].map(is_trained)


def is_drawn(table):
    """A generation's measures that are drawn, of the arms that have data of their own."""
    named = [measures.ACCURACY, measures.REWARD_FIRST, measures.REWARD_LAST]
    of_data = table["measure"].isin([*measures.AUDITED, *measures.DISTINCT.values()]) & (table["arm"] != CONTROL)
    return table["measure"].isin(named) | of_data


def is_asked(table, asked):
    return pd.MultiIndex.from_frame(table[["step", "measure"]]).isin(list(asked))


def is_followed(steps):
    """All but the last: nobody says how many there were."""
    return steps.index < len(steps) - 1


def nothing(table):
    return table.index < 0


def watched(path):
    return reward_audit.watched({("base.csr", 0): path})


CASES = {
    "words": Case(
        lambda: recorded("figure_wordcloud/words.csv"), words.read_compared, ["log_odds", "z"],
        ["words", "before", "per_thousand_after"], counted=nothing,
    ),
    "objectives": Case(
        of_objectives, objectives.read_summary, ["low", "gain", "gain_high", "gain_per_million_passes"],
        ["score", "passes", "seconds", "seeds", "items"], counted=is_base,
    ),
    "objectives: curves": Case(
        over_compute, lambda path: budget.read_curves(path, ASKED.objectives.curves), ["reward", "smoothed"],
        ["seed", "step", "passes"],
    ),
    "objectives: steps": Case(
        steps, budget.read_metrics, bounded=["step", "seconds"], optional=["tokens"], counted=is_followed
    ),
    "generations": Case(
        lambda: loops()[0], generations.read_summary, ["value", "low", "high"], ["generation", "seeds", "n"],
        counted=is_drawn,
    ),
    "generations: courses": Case(
        courses, lambda path: generations.read_courses(path, loops()[0]), ["measured", "low", "high", "margin"]
    ),
    "generations: audit": Case(
        painted, lambda path: audits.read_audit(path, measures.AUDITED.values(), SEEDS), bounded=["seed", "share", "n"],
        counted=lambda table: is_asked(table, measures.AUDITED.values()),
    ),
    "generations: steps": Case(
        steps, lambda path: rewards.read_phase(path, {"reward": FINITE}), bounded=["step"],
        counted=is_followed,
    ),
    "painter_fidelity": Case(
        lambda: painter_fidelity.summary(fidelity()), painter_fidelity.read_summary,
        ["fidelity_low", "gain", "gain_low"], ["fidelity", "painter", "csr_labels", "seeds", "items"], counted=nothing,
    ),
    "painter_fidelity: points": Case(
        lambda: painter_fidelity.points(fidelity()),
        lambda path: painter_fidelity.read_points(path, painter_fidelity.summary(fidelity())), ["gain"],
        ["seed", "painter", "editor", "fidelity"],
    ),
    "painter_fidelity: line": Case(
        lambda: painter_fidelity.line(fidelity()), painter_fidelity.read_line, ["gain", "low", "slope", "slope_high"],
        ["fidelity", "reliability"],
    ),
    "painter_fidelity: audit": Case(
        painted, lambda path: audits.read_audit(path, painter_fidelity.SHARES.values(), SEEDS),
        bounded=["seed", "share", "n"],
    ),
    "reward_audit": Case(
        of_rewards, reward_audit.read_summary, ["low", "gain", "gain_high"], ["score", "alarms", "seeds", "items"],
        ["copied", "distinct"], counted=is_base,
    ),
    "reward_audit: pairs": Case(
        lambda: recorded("threshold/tau_pairs.csv").head(50), rescored.read_pairs, bounded=["cosine"], counted=nothing
    ),
    "reward_audit: areas": Case(
        areas, rescored.read_areas, bounded=["seed", "sentences", "true", "auc", "error"]
    ),
    "reward_audit: probes": Case(
        probes, rescored.read_probes, ["correct", "advantage", "less"],
        ["tau", "seed", "tasks", "correct_error", "advantage_error", "less_error"],
    ),
    "reward_audit: steps": Case(steps, watched, bounded=["step"], optional=["copied", "distinct"], counted=is_followed),
    "diffusion_errors": Case(shares, diffusion_errors.read_shares, bounded=["number", "of", "share", "low", "high"]),
    "diffusion_errors: right captions": Case(
        sycophancy, lambda path: diffusion_errors.read_sycophancy(path, shares()), ["excess"],
        ["seed", "captions", "asking_low", "named", "habits", "share", "permuted", "error"],
    ),
    "diffusion_errors: labels": Case(labels, judge.read_labels, counted=nothing),
    "diffusion_errors: answers": Case(
        said, judge.read_answers, bounded=["rewarded"],
        counted=lambda table: ~table.duplicated(["asked", "probe", "id"], keep=False),
    ),
    "diffusion_errors: confusions": Case(confusions, judge.read_confusions, bounded=["number", "of"]),
    "families": Case(
        of_families, families.read_summary, ["low", "gain", "gain_low", "difference", "difference_high"],
        ["stage", "score", "seeds", "items"],
    ),
    "ablation_labels": Case(
        lambda: recorded("ablation_labels/ablation_labels.csv"), ablation_labels.read_summary,
        ["low", "gain", "gain_high"], ["labels", "share", "share_low", "score", "seeds", "items"], counted=nothing,
    ),
    "ablation_labels: audit": Case(
        lambda: recorded("ablation_labels/ablation_labels_audit.csv"),
        lambda path: audits.read_audit(path, ablation_labels.MEASURES.values(), (0, 1, 2)),
        bounded=["seed", "share", "n"],
        counted=lambda table: is_asked(table, ablation_labels.MEASURES.values()),
    ),
    "inspection": Case(inspected, inspection.read_shares, bounded=["number", "yes", "share", "low", "high"]),
}  # fmt: skip
# What a command may write without a row: of these, that is no fault.
MAY_BE_EMPTY = ("words", "reward_audit: areas", "inspection")
# Nothing tells these rows apart: two may be alike.
MAY_BE_TWICE = ("reward_audit: pairs",)


def faults(name, table):
    """Every fault that this table must not have: what, in which row, and in which column."""
    case = CASES[name]
    counted = table.index[np.broadcast_to(case.counted(table), len(table))]
    yield from (("cut", row, None) for row in counted)
    yield from (("twice", row, None) for row in table.index if name not in MAY_BE_TWICE)
    yield from [("empty", 0, None)] * (name not in MAY_BE_EMPTY)
    optional = [fault for fault in NO_NUMBERS if not pd.isna(fault)]
    for columns, kinds in (
        (case.finite, NO_NUMBERS),
        (case.bounded, [*NO_NUMBERS, -7.5]),
        (case.optional, [*optional, -7.5]),
    ):
        for column in columns:
            filled = table.index[table[column].notna()]
            yield from ((kind, row, column) for row in filled for kind in kinds)


def refused(read, path):
    """The message with which a reader refuses a file."""
    with pytest.raises(ViperError, match=r"t\.csv: ") as error:
        read(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_table_passes_as_it_was_made_and_not_with_a_fault(name, data, tmp_path):
    case, path = CASES[name], tmp_path / "t.csv"
    table = case.make().reset_index(drop=True)
    write_table(path, table, float_format="%.4f")
    assert len(case.read(path))
    known = list(faults(name, table))
    kind = data.draw(st.sampled_from([kind for kind in (*FAULTS, -7.5) if any(each[0] is kind for each in known)]))
    _, *place = data.draw(st.sampled_from([each for each in known if each[0] is kind]))
    write_table(path, damaged(table, kind, *place))
    refused(case.read, path)


# --- commands


def put(folder, **tables):
    """Write tables as commands do: their paths."""
    for name, table in tables.items():
        write_table(folder / f"{name}.csv", table, float_format="%.4f")
    return [str(folder / f"{name}.csv") for name in tables]


def call(*words):
    CliRunner().invoke(build(), [str(word) for word in words], catch_exceptions=False, standalone_mode=False)


FIGURES = {
    "words --before base --after base.csr": lambda: {"words": recorded("figure_wordcloud/words.csv")},
    "objectives": lambda: {"table": of_objectives(), "curves": over_compute()},
    "families": lambda: {"table": of_families()},
    "generations": lambda: dict(zip(("table", "claims"), loops(), strict=True)),
    "painter-fidelity": lambda: {
        name: getattr(painter_fidelity, name)(fidelity()) for name in ("summary", "points", "line")
    },
    "reward-audit": lambda: {"table": of_rewards(), "areas": areas(), "probes": probes()},
    "diffusion-errors": lambda: {"shares": shares(), "sycophancy": sycophancy()},
    "ablation-labels": lambda: {"table": recorded("ablation_labels/ablation_labels.csv")},
    "inspection": lambda: {"shares": inspected()},
}


@pytest.mark.parametrize("figure", FIGURES)
def test_every_figure_is_drawn_from_what_was_written(figure, tmp_path):
    name, *further = figure.split()
    written = ["--output", tmp_path / "drawn.png", "--caption", tmp_path / "drawn.rst"]
    tables = put(tmp_path, **FIGURES[figure]())
    call(f"figure-{name}", *tables, *further, "--options", to_json(SCALE, ["analysis"]), *written)
    assert (tmp_path / "drawn.png").stat().st_size > 5_000


def test_courses_are_gathered_among_the_answers(tmp_path):
    claims = loops()[1]
    gathered = answers.gather(put(tmp_path, claims=claims))
    assert gathered["verdict"].tolist() == claims["verdict"].tolist()
    assert set(gathered["verdict"]) & set(COURSES.values())
