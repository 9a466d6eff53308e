"""What is measured of every generation: of its model, of the data that it trained on, and of its training."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from viper.analysis.bootstrap import Scores
from viper.analysis.published import OVERALL
from viper.errors import ViperError
from viper.questions.generations import diversity
from viper.questions.generations.diversity import Said
from viper.questions.generations.plan import CONTROL, Turn
from viper.questions.shares import variance_of_share

SETS = ("csr", "vop")
ACCURACY, REWARD_FIRST, REWARD_LAST = "accuracy", "reward, first steps", "reward, last steps"
CAPTIONS, REFINEMENTS, EDITS, STATEMENTS = "captions right", "refinements right", "edits done", "statements true"
DISTINCT = {name: f"{name}: distinct statements" for name in SETS}
NUMBER = {name: f"{name}: number of statements" for name in SETS}
ENTROPY = {name: f"{name}: entropy of statements" for name in SETS}
KINDS = {name: f"{name}: entropy of kinds" for name in SETS}
OF_SETS = (DISTINCT, NUMBER, ENTROPY, KINDS)
# Measure → step and measure of the audit.
AUDITED = {
    CAPTIONS: ("caption", "all facts"),
    REFINEMENTS: ("refinements", "the caption's mistake, told right"),
    EDITS: ("edits", "done"),
    STATEMENTS: ("edits", "statement is true"),
}
PERCENT, BITS, REWARD, COUNTED = "%", "bits", "of 1", "statements"
RUNS = ["arm", "generation", "lineage", "seed", "measure", "unit", "value", "error", "n"]


class Value(NamedTuple):
    """One measure of one generation and seed.

    Attributes:
        error: standard error that is due to the items, sentences or steps that happened to be drawn.
        n: how many of these there are.
    """

    measure: str
    unit: str
    value: float
    error: float
    n: int


def of_accuracy(scores: Scores, lineage: str) -> list[Value]:
    """The mean over the benchmarks with every seed, in their order; a base has the same with each."""
    n, values = scores.items[OVERALL], scores.by_seed[lineage, OVERALL]
    error = scores.spread(lambda each: each[lineage, OVERALL]).of_items
    return [Value(ACCURACY, PERCENT, float(value), error, n) for value in values]


def of_audit(audit: pd.DataFrame) -> list[Value]:
    """The shares of one synthesis that are right by its audit; steps that have none are left out."""
    found = audit.set_index(["step", "measure"])
    rows = [(name, found.loc[key]) for name, key in AUDITED.items() if key in found.index and found.loc[key, "n"] > 0]
    return [_share(name, row["share"], int(row["n"])) for name, row in rows]


def of_data(said: Mapping[str, Said], drawn: Mapping[str, int]) -> list[Value]:
    """How many statements both data sets have, and how different these are.

    The error of their number is that of as many independent events (Poisson).

    Args:
        said: data set → what it says.
        drawn: data set → the number of statements at which data sets are compared.
    """
    values = []
    for name, each in said.items():
        values += _of_statements(name, each.statements, drawn[name])
        values += _of_kinds(name, each.kinds) if any(each.kinds.values()) else []
    return values


def _of_statements(name: str, counts: Mapping[str, int], drawn: int) -> list[Value]:
    entropy, error = diversity.rarefied_entropy(counts, drawn), diversity.rarefied_entropy_error(counts, drawn)
    total = sum(counts.values())
    return [
        _share(DISTINCT[name], diversity.distinct(counts, drawn) / drawn, drawn),
        Value(ENTROPY[name], BITS, entropy, error, drawn),
        Value(NUMBER[name], COUNTED, float(total), float(np.sqrt(total)), total),
    ]


def _of_kinds(name: str, counts: Mapping[str, int]) -> list[Value]:
    total = sum(counts.values())
    entropy = Value(KINDS[name], BITS, diversity.entropy(counts), diversity.entropy_error(counts), total)
    return [entropy, *(_share(f"{name}: {kind}", count / total, total) for kind, count in sorted(counts.items()))]


def shares_of_kinds(measured: Iterable[str], name: str) -> dict[str, str]:
    """Of all measures, the share of each kind in one data set of SETS: measure → kind, in their order."""
    others = {names[name] for names in OF_SETS}
    start = f"{name}: "
    return {each: each.removeprefix(start) for each in measured if each.startswith(start) and each not in others}


def of_training(rewards: Sequence[float], window: int) -> list[Value]:
    """Mean reward of the first and of the last steps that have one: so many, and at most half of them.

    Raises:
        ViperError: no step has a reward.
    """
    known = np.array([reward for reward in rewards if np.isfinite(reward)])
    if not len(known):
        raise ViperError("a training has no reward: generations are compared that reinforcement learning made")
    window = max(1, min(window, len(known) // 2))
    parts = {REWARD_FIRST: known[:window], REWARD_LAST: known[-window:]}
    return [
        Value(
            name, REWARD, float(part.mean()), float(part.std(ddof=1) / np.sqrt(window)) if window > 1 else 0.0, window
        )
        for name, part in parts.items()
    ]


def runs(
    turns: Iterable[Turn],
    seeds: Sequence[int],
    *,
    accuracy: Mapping[str, Sequence[Value]],
    data: Mapping[tuple[str, int], Sequence[Value]],
    training: Mapping[tuple[str, int], Sequence[Value]],
) -> pd.DataFrame:
    """Everything that was measured, one row per generation, seed and measure; the columns are RUNS.

    Args:
        accuracy: lineage → one value per seed.
        data: (lineage that synthesised, seed) → measures of its data. Those of a control's later generations are the
            first one's, and are not repeated.
        training: (lineage, seed) → measures of its last phase.

    Raises:
        ViperError: something of a generation was not measured.
    """
    rows = []
    for turn in turns:
        has_own_data = turn.data and (turn.arm != CONTROL or turn.generation == 1)
        for number, seed in enumerate(seeds):
            values = [accuracy[turn.lineage][number]]
            values += _known(training, turn.lineage, seed, "metrics") if turn.data else ()
            values += _known(data, turn.data, seed, "data") if has_own_data else ()
            known = {"arm": turn.arm, "generation": turn.generation, "lineage": turn.lineage, "seed": seed}
            rows += [known | value._asdict() for value in values]
    return pd.DataFrame(rows, columns=RUNS)


def _known(measured: Mapping[tuple[str, int], Sequence[Value]], lineage: str, seed: int, what: str) -> Sequence[Value]:
    if (lineage, seed) not in measured:
        raise ViperError(f"{lineage} with seed {seed}: no {what} of it were named")
    return measured[lineage, seed]


def _share(name: str, share: float, n: int) -> Value:
    return Value(name, PERCENT, 100 * share, 100 * float(np.sqrt(variance_of_share(share * n, n))), n)
