"""What the same training ends at under each embedder and threshold; and the answers to the question."""

from collections.abc import Mapping
from operator import itemgetter
from pathlib import Path

import numpy as np
import pandas as pd

from viper.analysis.bootstrap import Scores
from viper.analysis.claims import gain
from viper.analysis.keyed import COUNT, FINITE, NATURAL, PERCENT, SHARE, Number, keyed
from viper.analysis.published import OVERALL
from viper.analysis.rewards import read_phase
from viper.config.analysis import Analysis
from viper.config.questions.reward_audit import RewardAudit
from viper.lineage import is_trained
from viper.questions.answers import answer, over_seeds
from viper.questions.judging import judged
from viper.questions.reward_audit.probes import HELD_TO, NOTHING_RIGHT
from viper.questions.reward_audit.table import CALIBRATED, COVERAGES, PLAIN, ROLLOUTS, SAVED, is_under
from viper.reading import read_table
from viper.training.monitors import MONITORS

QUESTION = "reward_audit"
WATCHED = ["lineage", "seed", "step", *MONITORS, "alarm"]
COLUMNS = ["setting", "lineage", "score", "low", "high", "gain", "gain_low", "gain_high"]
COLUMNS += [*MONITORS, "alarms", "seeds", "items"]
_MONITORED = {"copied": SHARE, "distinct": Number(low=0), "precision": SHARE}
assert set(_MONITORED) == set(MONITORS)
CHANCE = 0.5  # area under the ROC of what knows nothing
PAPERS = 0.85  # tau of the paper (docs/paper.md, Reward)
# Where probes are judged, as the tables call it → in words
JUDGED = {CALIBRATED: "its calibrated tau", f"{PAPERS:g}": f"tau {PAPERS:g}"}
# The options of coverage, and what they are called
WAYS = dict(
    zip(
        COVERAGES,
        ("the plain formula", "one to one", "one to one, times coverage", "one to one, harmonic with coverage"),
        strict=True,
    )
)


def watched(files: Mapping[tuple[str, int], Path]) -> pd.DataFrame:
    """The monitors of every sampling, as training wrote them down; columns WATCHED."""
    parts = []
    for (lineage, seed), path in files.items():
        steps = read_phase(path, _MONITORED, texts=["alarm"])
        sampled = steps[steps["distinct"].notna()]
        parts.append(sampled.assign(lineage=lineage, seed=seed, alarm=sampled["alarm"].fillna(""))[WATCHED])
    return pd.concat(parts, ignore_index=True)


def summary(scores: Scores, question: RewardAudit, seen: pd.DataFrame) -> pd.DataFrame:
    """One row per lineage; COLUMNS, scores and gains in points, monitors the mean of the last third of samplings."""
    names = {lineage: name for name, lineage in (question.embedders | question.thresholds).items()}
    base, seeds = question.lineages[0], seen["seed"].nunique()
    rows = []
    for lineage in question.lineages:
        score = scores.estimate(itemgetter((lineage, OVERALL)))
        row = {"setting": names.get(lineage, ""), "lineage": lineage, "score": score.value, "low": score.low}
        row |= {"high": score.high, "seeds": seeds if lineage != base else 1, "items": scores.items[OVERALL]}
        if lineage != base:
            gained = scores.estimate(gain(lineage, base))
            own = seen[seen["lineage"] == lineage]
            late = pd.concat([_thirds(part)[1] for _, part in own.groupby("seed")])
            row |= {"gain": gained.value, "gain_low": gained.low, "gain_high": gained.high}
            row |= {name: late[name].mean() for name in MONITORS}
            row |= {"alarms": int((own["alarm"] != "").sum())}
        rows.append(row)
    return pd.DataFrame(rows, columns=COLUMNS)


def read_summary(path: str | Path) -> pd.DataFrame:
    """Read a table of `summary` that was written to a file.

    Raises:
        ViperError: see `viper.reading.read_table` and `keyed`.
    """
    numbers = dict.fromkeys(COLUMNS[2:], FINITE) | _MONITORED
    numbers |= {"score": PERCENT, "alarms": NATURAL, "seeds": COUNT, "items": COUNT}
    table = read_table(path, needed=COLUMNS, numbers=numbers)
    trained = table["lineage"].map(is_trained)
    blank = dict.fromkeys(("gain", "gain_low", "gain_high", "alarms"), ~trained) | dict.fromkeys(MONITORS, True)
    values = {"trained": (False, True)}
    keyed(table.assign(trained=trained), path, ("lineage", "trained"), numbers=numbers, values=values, blank=blank)
    return table


def claims(
    scores: Scores,
    areas: pd.DataFrame,
    probes: pd.DataFrame,
    seen: pd.DataFrame,
    question: RewardAudit,
    settings: Analysis,
) -> list[dict[str, object]]:
    """All answers; which rules were fixed before the first run, and which after, is in docs/open-questions.md."""
    confidence, first = settings.confidence, next(iter(question.embedders))
    return [
        *of_training(scores, question, settings),
        *of_agreement(areas, confidence),
        *of_cheating(probes, confidence),
        *of_nothing_right(probes, confidence),
        *of_coverage(probes, first, confidence),
        *of_precision(seen, confidence),
    ]


def of_training(scores: Scores, question: RewardAudit, settings: Analysis) -> list[dict[str, object]]:
    """Whether the first embedder at its own threshold ends at least as high as each other setting."""
    rows, held_to = [], question.held_to
    first = next(iter(question.embedders))
    for name, lineage in (question.embedders | question.thresholds).items():
        if lineage == held_to:
            continue
        text = f"Trained under {first} at its calibrated tau the model ends at least as high as under {name}"
        sentence = f"The same training under {first} at its calibrated tau against {name}: {{measured}} ({{verdict}})."
        measure = gain(held_to, lineage)
        rows.append(
            judged(QUESTION, f"ends_{name}", text, measure, scores, settings, kind="as good", sentence=sentence)
        )
    return rows


def of_agreement(areas: pd.DataFrame, confidence: float) -> list[dict[str, object]]:
    """Whether each embedder tells right sentences from wrong ones better than chance, on rollouts and on pairs."""
    rows = []
    for (name, source), part in areas.groupby(["embedder", "source"], sort=False):
        what = _sentences_of(source)
        rows.append(
            _claim(
                f"agreement_{name}_{source}".replace(" ", "-"),
                f"{name} tells right {what} from wrong ones better than chance",
                part["auc"] - CHANCE, part["error"], part["sentences"].sum(), confidence, "area above 0.5",
                lambda value, name=name, what=what: (
                    f"With {name} the area under the ROC is {value + CHANCE:.3f} on {what}."),
            )
        )  # fmt: skip
    return rows


def _sentences_of(source: str) -> str:
    """What an area was measured on, in words."""
    if source == ROLLOUTS:
        return "sentences of this question's rollouts"
    if source.startswith(SAVED):
        return f"sentences of all rollouts of the phase {source.removeprefix(SAVED)}"
    return f"pairs that differ as '{source}'"


def of_cheating(probes: pd.DataFrame, confidence: float) -> list[dict[str, object]]:
    """Whether each probe earns more than what it is held to, by the plain formula, at each threshold of JUDGED."""
    rows = []
    for (threshold, embedder, name), part in _judged_by(probes[is_under(probes, PLAIN)]):
        told, earned = f"with {embedder} at {JUDGED[threshold]}", part["correct"].mean()
        rows.append(
            _claim(
                f"hack_{embedder}_{threshold}_{name}".replace(" ", "-"),
                f"'{name}' earns more than {HELD_TO[name]} (plain formula {told})",
                part["advantage"], part["advantage_error"], part["tasks"].sum(), confidence, "R_correct",
                lambda value, name=name, told=told, earned=earned: (
                    f"By the plain formula {told}, the probe '{name}' earns {earned:.3f} R_correct, {value:+.3f} over "
                    f"{HELD_TO[name]}."),
            )
        )  # fmt: skip
    return rows


def of_nothing_right(probes: pd.DataFrame, confidence: float) -> list[dict[str, object]]:
    """Whether answers that say nothing right earn anything by the plain formula, at each threshold of JUDGED.

    What is held to another answer (`of_cheating`) seems to gain nothing where that is paid for nothing, too: here is
    what they earn. All claims hold together (Bonferroni).
    """
    cells = _judged_by(probes[is_under(probes, PLAIN) & probes["probe"].isin(NOTHING_RIGHT)])
    rows = []
    for (threshold, embedder, name), part in cells:
        told = f"with {embedder} at {JUDGED[threshold]}"
        rows.append(
            _claim(
                f"paid_{embedder}_{threshold}_{name}".replace(" ", "-"),
                f"'{name}', which says nothing right, earns R_correct (plain formula {told})",
                part["correct"], part["correct_error"], part["tasks"].sum(), _together(confidence, len(cells)),
                "R_correct",
                lambda value, name=name, told=told: (
                    f"By the plain formula {told}, '{name}', which says nothing right, earns {value:.3f} R_correct."),
            )
        )  # fmt: skip
    return rows


def of_coverage(probes: pd.DataFrame, embedder: str, confidence: float) -> list[dict[str, object]]:
    """Whether each option of coverage pays each probe less than the plain formula does, at each threshold of JUDGED.

    What is compared is what the probe earns, and not its advantage, which also grows where the model's own answers are
    paid less. All claims hold together (Bonferroni). Nothing pays for an empty answer: it is left out.
    """
    own = probes[(probes["embedder"] == embedder) & (probes["probe"] != "empty")]
    cells = [(way, cell) for way in WAYS if way != PLAIN for cell in _judged_by(own[is_under(own, way)])]
    rows = []
    for way, ((threshold, _, name), part) in cells:
        told, at = WAYS[way][0].upper() + WAYS[way][1:], f"with {embedder} at {JUDGED[threshold]}"
        earned = part["correct"].mean()
        rows.append(
            _claim(
                "_".join(["coverage", *map(str, way), threshold, name]).lower().replace(" ", "-"),
                f"{told} pays '{name}' less than the plain formula ({at})",
                part["less"], part["less_error"], part["tasks"].sum(), _together(confidence, len(cells)), "R_correct",
                lambda value, name=name, told=told, at=at, earned=earned: (
                    f"{told} {at}, '{name}' earns {earned:.3f} R_correct, {abs(value):.3f} "
                    f"{'more' if value < 0 else 'less'} than by the plain formula."),
            )
        )  # fmt: skip
    return rows


def of_precision(seen: pd.DataFrame, confidence: float) -> list[dict[str, object]]:
    """Whether training lowers the share of rewarded sentences that are right: first third of samplings minus last."""
    rows = []
    for lineage, part in seen.groupby("lineage", sort=False):
        found = []
        for _, run in part.groupby("seed"):
            early, late = (each["precision"].dropna() for each in _thirds(run))
            if len(early) and len(late):
                error = np.sqrt(sum(each.var(ddof=1) / len(each) if len(each) > 1 else 0.0 for each in (early, late)))
                found.append((early.mean() - late.mean(), error))
        if not found:
            continue
        values, errors = zip(*found, strict=True)
        rows.append(
            _claim(
                f"precision_{lineage}", f"Training {lineage} lowers the share of rewarded sentences that are right",
                values, errors, len(part), confidence, "share",
                lambda value, lineage=lineage: (
                    f"In training {lineage} the share of rewarded sentences that are right changes by {-value:+.1%}."),
            )
        )  # fmt: skip
    return rows


def _claim(claim, text, values, errors, items, confidence, unit, sentence) -> dict[str, object]:
    estimate, spread = over_seeds(list(values), list(errors), confidence)
    return answer(
        QUESTION, claim, text, estimate, unit=unit, seeds=len(values), items=int(items),
        reachable=spread.half_width((1 - confidence) / 2), sentence=f"{sentence(estimate.value)} ({{verdict}})",
    )  # fmt: skip


def _judged_by(part: pd.DataFrame) -> list[tuple[tuple[str, str, str], pd.DataFrame]]:
    """Threshold of JUDGED, embedder and probe → means by seed.

    A seed's runs are tried on the same prompts: their errors are one error, not several.
    """
    measured = ("correct", "correct_error", "advantage", "advantage_error", "less", "less_error")
    taken = dict.fromkeys(measured, "mean") | {"tasks": "max"}
    cells = part[part["threshold"].isin(list(JUDGED))].groupby(["threshold", "embedder", "probe"], sort=False)
    return [(cell, rows.groupby("seed").agg(taken)) for cell, rows in cells]


def _together(confidence: float, claims: int) -> float:
    """The confidence of each of several claims that are to hold together (Bonferroni)."""
    return 1 - (1 - confidence) / max(claims, 1)


def _thirds(run: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The first and the last third of a run's samplings."""
    size = -(-len(run) // 3)
    return run.head(size), run.tail(size)
