"""How many different things a data set says: distinct statements, entropy, kinds."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from viper.synthesis.heuristics import Language


@dataclass(frozen=True)
class Said:
    """What the ground truths of a data set say.

    Attributes:
        statements: statement, in whatever wording → how often.
        kinds: kind of refinement or type of operation → how often; empty where kinds cannot be read. See
            `with_all_kinds`.
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


def with_all_kinds(said: Iterable[Said]) -> list[Said]:
    """What one data set says with each of several runs, with 0 of the kinds that only another run's has.

    Shares of kinds are averaged over seeds: one that is left out where there is none of it would look more frequent.
    """
    said = list(said)
    known = sorted({kind for each in said for kind in each.kinds})
    return [Said(each.statements, dict.fromkeys(known, 0) | dict(each.kinds)) for each in said]


def distinct(counts: Mapping[str, int], drawn: int) -> float:
    """Expected number of distinct statements among so many, drawn without replacement (rarefaction, Hurlbert 1971).

    Data sets of different sizes are compared at the same `drawn`: a larger one repeats itself more.

    Raises:
        ValueError: there are fewer statements than are to be drawn.
    """
    _, numbers = _rarefied(_present(counts), drawn)
    return float(min(numbers.sum(), drawn))  # rounding takes it beyond where all are different


def rarefied_entropy(counts: Mapping[str, int], drawn: int) -> float:
    """Expected entropy in bits of so many statements, drawn without replacement; exact, nothing is simulated.

    At most log2 of `drawn`, where all of them are different (Chao, Wang and Jost, Methods in Ecology and Evolution
    2013). Where most statements are seen once, the entropy of what they were drawn from cannot be known: corrections
    such as Miller and Madow's give about the logarithm of the sample's size, and coverage (Chao and Shen 2003) is zero
    where nothing repeats. Samples of one size can be compared all the same.

    Raises:
        ValueError: there are fewer statements than are to be drawn.
    """
    return _rarefied_entropy(_present(counts), drawn)


def rarefied_entropy_error(counts: Mapping[str, int], drawn: int) -> float:
    """Standard error of `rarefied_entropy`, in bits, due to the statements that happened to be there (jackknife).

    One statement is left out at a time, and where all are to be drawn, one less is. It errs upwards (Efron and Stein
    1981), the more the fewer repeat: simulated, up to 2.9 times. That none of a few statements repeats says little:
    there the error is that with one repetition, so not 0.

    Raises:
        ValueError: there are fewer statements than are to be drawn.
    """
    numbers = _present(counts)
    if drawn > (total := int(numbers.sum())):
        raise ValueError(f"{drawn} statements cannot be drawn of {total}")
    if (numbers == 1).all():
        numbers, total = np.append(numbers[1:], 2), total + 1
    drawn = min(drawn, total - 1)
    if not drawn:
        return 0.0
    without = {number: _rarefied_entropy(_one_less(numbers, number), drawn) for number in np.unique(numbers)}
    left = np.repeat([without[number] for number in numbers], numbers)
    return float(np.sqrt((total - 1) * left.var()))


def entropy(counts: Mapping[str, int]) -> float:
    """Entropy in bits of what was drawn from, with Miller and Madow's correction for what a sample leaves out.

    For a few kinds, most of them seen often; see `rarefied_entropy` for statements.
    """
    numbers = _present(counts)
    if not len(numbers):
        return 0.0
    shares = numbers / numbers.sum()
    return float(-(shares * np.log2(shares)).sum() + (len(numbers) - 1) / (2 * numbers.sum() * np.log(2)))


def entropy_error(counts: Mapping[str, int]) -> float:
    """Standard error of `entropy`, in bits, due to the statements that happened to be drawn (delta method)."""
    numbers = _present(counts)
    if not len(numbers):
        return 0.0
    shares = numbers / numbers.sum()
    information = -np.log2(shares)
    variance = (shares * information**2).sum() - (shares * information).sum() ** 2
    return float(np.sqrt(max(variance, 0.0) / numbers.sum()))


def _present(counts: Mapping[str, int]) -> np.ndarray:
    return np.array([number for number in counts.values() if number], int)


def _one_less(numbers: np.ndarray, number: int) -> np.ndarray:
    """The numbers without one of the statements that are there `number` times."""
    less = numbers.copy()
    less[np.flatnonzero(numbers == number)[0]] -= 1
    return less[less > 0]


def _rarefied(numbers: np.ndarray, drawn: int) -> tuple[np.ndarray, np.ndarray]:
    """How often a statement may be among those drawn, and the expected number of statements that are so often."""
    if drawn > (total := int(numbers.sum())):
        raise ValueError(f"{drawn} statements cannot be drawn of {total}")
    often = np.arange(1, min(numbers.max(), drawn) + 1)
    there, statements = np.unique(numbers, return_counts=True)
    return often, stats.hypergeom.pmf(often[:, None], total, there, drawn) @ statements


def _rarefied_entropy(numbers: np.ndarray, drawn: int) -> float:
    often, expected = _rarefied(numbers, drawn)
    shares = often / drawn
    return float(-(expected * shares * np.log2(shares)).sum())
