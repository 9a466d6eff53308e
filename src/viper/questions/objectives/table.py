"""One row per lineage: what it scores, what it gained, and what its training took; and the claims."""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from pathlib import Path

import pandas as pd

from viper.analysis.bootstrap import Scores
from viper.analysis.claims import Kind, gain
from viper.analysis.keyed import COUNT, FINITE, PERCENT, Number, keyed
from viper.analysis.published import OVERALL
from viper.config.analysis import Analysis
from viper.config.questions.objectives import Contest, Objectives
from viper.lineage import is_trained
from viper.questions import answers
from viper.questions.judging import judged
from viper.questions.objectives.budget import COUNTS
from viper.reading import read_table

COLUMNS = ["lineage", "score", "low", "high", "gain", "gain_low", "gain_high", *COUNTS]
COLUMNS += ["gain_per_million_passes", "reward_at_equal_compute", "seeds", "items"]

# choice → kind of its claim, the claim, and what a sentence says of what was compared. The kinds were fixed before the
# first run; that not all of the budget is the same in `order` and `sft` was put into words after the first recording.
CLAIMS: Mapping[Contest, tuple[Kind, str, str]] = {
    "order": (
        "better or equal",
        "CSR before VOP ends higher than VOP before CSR, at as many updates and samples",
        "CSR before VOP against VOP before CSR",
    ),
    "steps": ("better", "Longer stages end higher than shorter ones", "Longer stages against shorter ones"),
    "updates": (
        "as good",
        "Several updates on one sampling end at least as high as one, at as many updates and samples",
        "Several updates on one sampling against one",
    ),
    "clip": (
        "better or equal",
        "With clipped ratios several updates on one sampling end higher than without",
        "Clipped ratios against none, several updates on one sampling",
    ),
    "kl": ("as good", "Without a KL term the model ends at least as high as with one", "No KL term against one"),
    "sft": (
        "better",
        "Reinforcement learning ends higher than supervised fine-tuning on the same data sets, at as many updates and "
        "samples",
        "Reinforcement learning against supervised fine-tuning on the same data sets",
    ),
    "sft_tokens": (
        "better",
        "Reinforcement learning ends higher than supervised fine-tuning on the same data sets, at as many updates and "
        "tokens learned from",
        "Reinforcement learning against supervised fine-tuning on more samples of the same data sets",
    ),
}
COUNTED = {  # column of COUNTS → what a sentence calls it
    "updates": "updates",
    "samples": "samples",
    "prompts": "prompts",
    "sampled_tokens": "sampled tokens",
    "trained_tokens": "tokens learned from",
}


def summary(
    scores: Scores,
    lineages: Sequence[str],
    budgets: Mapping[tuple[str, int], pd.Series],
    rewards: Mapping[str, float],
) -> pd.DataFrame:
    """One row per lineage; the columns are COLUMNS, scores and gains in points, counts the mean over seeds.

    Args:
        lineages: the base, over which the others gain, then these.
        budgets: what each lineage took with each seed. rewards: `budget.at_equal_compute`.
    """
    base, seeds = lineages[0], sorted({seed for _, seed in budgets})
    rows = []
    for lineage in lineages:
        score = scores.estimate(itemgetter((lineage, OVERALL)))
        row = {"lineage": lineage, "score": score.value, "low": score.low, "high": score.high}
        row |= {"seeds": len(seeds) if lineage != base else 1, "items": scores.items[OVERALL]}
        if lineage != base:
            gained = scores.estimate(gain(lineage, base))
            took = sum(budgets[lineage, seed] for seed in seeds) / len(seeds)
            row |= {"gain": gained.value, "gain_low": gained.low, "gain_high": gained.high, **took[COUNTS]}
            row |= {"gain_per_million_passes": gained.value / took["passes"] * 1e6}
            row |= {"reward_at_equal_compute": rewards.get(lineage)}
        rows.append(row)
    return pd.DataFrame(rows, columns=COLUMNS)


def read_summary(path: str | Path) -> pd.DataFrame:
    """Read a table of `summary` that was written to a file.

    Raises:
        ViperError: see `viper.reading.read_table` and `keyed`.
    """
    numbers = dict.fromkeys(COLUMNS[1:], FINITE) | dict.fromkeys(COUNTS, Number(low=0))
    numbers |= {"score": PERCENT, "seeds": COUNT, "items": COUNT}
    table = read_table(path, needed=COLUMNS, numbers=numbers)
    trained = table["lineage"].map(is_trained)
    blank = dict.fromkeys(COLUMNS[4:-2], ~trained) | {"reward_at_equal_compute": True}
    values = {"trained": (False, True)}
    keyed(table.assign(trained=trained), path, ("lineage", "trained"), numbers=numbers, values=values, blank=blank)
    return table


def claims(scores: Scores, question: Objectives, table: pd.DataFrame, settings: Analysis) -> pd.DataFrame:
    """The claims of the contests that are asked, with what both sides took.

    Args:
        table: of `summary`, whose budgets the sentences tell.
    """
    took = table.set_index("lineage")
    rows = []
    for contest, pair in question.contests.items():
        kind, text, told = CLAIMS[contest]
        budget = _budget(took.loc[pair.better], took.loc[pair.worse])
        sentence = f"{told}: {{measured}}. {text}: {{verdict}}. {budget}"
        measure = gain(pair.better, pair.worse)
        rows.append(judged("objectives", contest, text, measure, scores, settings, kind=kind, sentence=sentence))
    return answers.table(rows)


def _budget(better: pd.Series, worse: pd.Series) -> str:
    """What two lineages took, as a sentence: the counts that are alike, then those of both sides that are not."""
    alike, apart = [], []
    for name, called in COUNTED.items():
        mine, other = (f"{row[name]:,.0f}" for row in (better, worse))
        if mine == other:
            alike.append(f"{mine} {called}")
        else:
            apart.append(f"{mine} against {other} {called}")
    told = [f"alike are {', '.join(alike)}"] * bool(alike) + [f"not alike are {', '.join(apart)}"] * bool(apart)
    told.append(f"the compute is {better['passes'] / worse['passes']:.2f} times as much")
    return f"Of the budget {'; '.join(told)}."
