"""How many different things a data set says: distinct statements, entropy, kinds."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from viper.synthesis.heuristics import Language


@dataclass(frozen=True)
class Said:
    """What the ground truths of a data set say.

    Attributes:
        statements: statement, in whatever wording → how often.
        kinds: kind of refinement or type of operation → how often; empty where kinds cannot be read.
    """

    statements: Mapping[str, int]
    kinds: Mapping[str, int]

    @property
    def total(self) -> int:
        """The number of statements."""
        return sum(self.statements.values())


def read(ground_truths: Iterable[Iterable[str]], language: Language) -> Said:
    """Count the statements of a data set's rows."""
    sentences = [sentence for row in ground_truths for sentence in row]
    kinds = Counter(kind for sentence in sentences if (kind := language.kind(sentence)))
    return Said(Counter(map(language.key, sentences)), kinds)


def distinct(counts: Mapping[str, int], drawn: int) -> float:
    """Expected number of distinct statements among so many, drawn without replacement (rarefaction, Hurlbert 1971).

    Data sets of different sizes are compared at the same `drawn`: a larger one repeats itself more.

    Raises:
        ValueError: there are fewer statements than are to be drawn.
    """
    numbers = np.array(list(counts.values()), float)
    total = numbers.sum()
    if drawn > total:
        raise ValueError(f"{drawn} statements cannot be drawn of {total:.0f}")
    rest = total - numbers
    can_miss = rest >= drawn
    missed = np.exp(_log_choose(rest[can_miss], drawn) - _log_choose(total, drawn))
    return float(min(len(numbers) - missed.sum(), drawn))  # rounding takes it beyond where all are different


def entropy(counts: Mapping[str, int]) -> float:
    """Entropy in bits, with Miller and Madow's correction for what a sample of this size leaves out."""
    numbers = np.array([number for number in counts.values() if number], float)
    if not len(numbers):
        return 0.0
    shares = numbers / numbers.sum()
    return float(-(shares * np.log2(shares)).sum() + (len(numbers) - 1) / (2 * numbers.sum() * np.log(2)))


def entropy_error(counts: Mapping[str, int]) -> float:
    """Standard error of `entropy`, in bits, due to the statements that happened to be drawn (delta method)."""
    numbers = np.array([number for number in counts.values() if number], float)
    if not len(numbers):
        return 0.0
    shares = numbers / numbers.sum()
    information = -np.log2(shares)
    variance = (shares * information**2).sum() - (shares * information).sum() ** 2
    return float(np.sqrt(max(variance, 0.0) / numbers.sum()))


def _log_choose(n: np.ndarray, k: int) -> np.ndarray:
    return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
