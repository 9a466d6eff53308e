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

# choice → kind of its claim, the claim, and what a sentence says of what was measured; fixed before the first run
CLAIMS: Mapping[Contest, tuple[Kind, str, str]] = {
    "order": (
        "better or equal",
        "CSR before VOP ends higher than VOP before CSR, at the same updates, samples and tokens",
        "CSR before VOP against VOP before CSR, as many updates",
    ),
    "steps": ("better", "Longer stages end higher than shorter ones", "Longer stages against shorter ones"),
    "updates": (
        "as good",
        "Several updates on one sampling end at least as high as one, at as many updates",
        "Several updates on one sampling against one, as many updates and fewer samplings",
    ),
    "clip": (
        "better or equal",
        "With clipped ratios several updates on one sampling end higher than without",
        "Clipped ratios against none, several updates on one sampling",
    ),
    "kl": (
        "as good",
        "Without a KL term the model ends at least as high as with one",
        "No KL term against one, as many updates",
    ),
    "sft": (
        "better",
        "Reinforcement learning ends higher than supervised fine-tuning on as many samples of the same data",
        "Reinforcement learning against supervised fine-tuning, as many updates and samples of the same data",
    ),
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
    """The claims of the contests that are asked, with what both sides took."""
    passes = table.set_index("lineage")["passes"]
    rows = []
    for contest, pair in question.contests.items():
        kind, text, told = CLAIMS[contest]
        ratio = passes[pair.better] / passes[pair.worse]
        sentence = f"{told}, at {ratio:.2f} times the compute: {{measured}}. {text}: {{verdict}}."
        measure = gain(pair.better, pair.worse)
        rows.append(judged("objectives", contest, text, measure, scores, settings, kind=kind, sentence=sentence))
    return answers.table(rows)
