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
from viper.questions.reward_audit.probes import HELD_TO
from viper.questions.reward_audit.table import CALIBRATED, ROLLOUTS
from viper.reading import read_table
from viper.training.monitors import MONITORS

QUESTION = "reward_audit"
WATCHED = ["lineage", "seed", "step", *MONITORS, "alarm"]
COLUMNS = ["setting", "lineage", "score", "low", "high", "gain", "gain_low", "gain_high"]
COLUMNS += [*MONITORS, "alarms", "seeds", "items"]
_MONITORED = {"copied": SHARE, "distinct": Number(low=0), "precision": SHARE}
assert set(_MONITORED) == set(MONITORS)
CHANCE = 0.5  # area under the ROC of what knows nothing
# The options of coverage, and what they are called
WAYS = {
    ("none", False): "the plain formula",
    ("none", True): "one to one",
    ("multiply", True): "one to one, times coverage",
    ("harmonic", True): "one to one, harmonic with coverage",
}
PLAIN = ("none", False)


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
    """All answers; the rules were fixed before the first run (docs/open-questions.md)."""
    confidence, first = settings.confidence, next(iter(question.embedders))
    return [
        *of_training(scores, question, settings),
        *of_agreement(areas, confidence),
        *of_cheating(probes, confidence),
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
        what = "sentences of the rollouts" if source == ROLLOUTS else f"pairs that differ as '{source}'"
        rows.append(
            _claim(
                f"agreement_{name}_{source}", f"{name} tells right {what} from wrong ones better than chance",
                part["auc"] - CHANCE, part["error"], part["sentences"].sum(), confidence, "area above 0.5",
                lambda value, name=name, what=what: (
                    f"With {name} the area under the ROC is {value + CHANCE:.3f} on {what}."),
            )
        )  # fmt: skip
    return rows


def of_cheating(probes: pd.DataFrame, confidence: float) -> list[dict[str, object]]:
    """Whether each probe earns more than what it is held to, by the plain formula at the calibrated threshold."""
    rows = []
    plain = _under(probes, PLAIN)
    for (embedder, name), part in plain.groupby(["embedder", "probe"], sort=False):
        part = _by_seed(part)
        rows.append(
            _claim(
                f"hack_{embedder}_{name}".replace(" ", "-"),
                f"'{name}' earns more than {HELD_TO[name]} ({embedder}, plain formula)",
                part["advantage"], part["advantage_error"], part["tasks"].sum(), confidence, "R_correct",
                lambda value, name=name, embedder=embedder: (
                    f"By the plain formula with {embedder}, the probe '{name}' earns {value:+.3f} R_correct over "
                    f"{HELD_TO[name]}."),
            )
        )  # fmt: skip
    return rows


def of_coverage(probes: pd.DataFrame, embedder: str, confidence: float) -> list[dict[str, object]]:
    """Whether each option of coverage takes from cheating what the plain formula pays, over all probes together."""
    key = ["lineage", "seed", "probe"]
    own = probes[probes["embedder"] == embedder]
    plain = _under(own, PLAIN).set_index(key)
    rows = []
    for way, told in WAYS.items():
        if way == PLAIN:
            continue
        other = _under(own, way).set_index(key)
        less = (plain["advantage"] - other["advantage"]).reset_index().groupby("seed")["advantage"]
        # Both sides score the same answers: the larger of their errors is no less than that of the difference.
        errors = np.maximum(plain["advantage_error"], other["advantage_error"]).reset_index().groupby("seed")
        tasks = int(plain["tasks"].groupby("seed").max().sum())
        rows.append(
            _claim(
                "coverage_" + "_".join(map(str, way)).lower(),
                f"{told[0].upper()}{told[1:]} pays less to cheating than the plain formula ({embedder})",
                less.mean(), errors["advantage_error"].apply(_pooled), tasks, confidence, "R_correct",
                lambda value, told=told: (
                    f"{told[0].upper()}{told[1:]}, cheating earns {value:.3f} R_correct less than by the plain formula,"
                    " over all probes."),
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


def _under(probes: pd.DataFrame, way: tuple[str, bool]) -> pd.DataFrame:
    """The rows of one option of coverage at the calibrated threshold."""
    is_one_to_one = probes["one_to_one"].astype(str) == str(way[1])
    return probes[(probes["threshold"] == CALIBRATED) & (probes["coverage"] == way[0]) & is_one_to_one]


def _by_seed(part: pd.DataFrame) -> pd.DataFrame:
    """Means over the runs of a seed, which were tried on the same prompts: their errors are one error, not several."""
    return part.groupby("seed").agg({"advantage": "mean", "advantage_error": _pooled, "tasks": "max"})


def _thirds(run: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The first and the last third of a run's samplings."""
    size = -(-len(run) // 3)
    return run.head(size), run.tail(size)


def _pooled(errors: pd.Series) -> float:
    """The standard error of a mean of means over the same prompts, as if all moved together."""
    return float(errors.mean())
