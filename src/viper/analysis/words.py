"""Which words a model reasons with more after training than before.

Counts alone say little: the most frequent words of two texts are the same, and a rare word's share moves by chance.
What is compared is the log-odds of each term with an informative Dirichlet prior (Monroe, Colaresi and Quinn 2008,
"Fightin' Words"): rare terms are drawn towards no difference, and the difference comes with its standard error. The
prior has the terms' shares in both texts together, and the weight of PRIOR terms.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import CountVectorizer

from viper.analysis.keyed import FINITE, NATURAL, Number, keyed
from viper.analysis.predictions import Predictions, read_items
from viper.completion import reasoning
from viper.errors import ViperError
from viper.lineage import is_trained
from viper.reading import read_table

COLUMNS = ["term", "words", "before", "after", "per_thousand_before", "per_thousand_after", "log_odds", "z"]
_WORD = r"(?u)\b\w[\w'’-]*\b"  # one-letter words included: option letters and digits are words here
PRIOR = 1000  # terms: little beside a benchmark's reasoning, much beside a term that occurs now and then
_LONGEST = 2  # words: "look closely", "zoom in"


def read_reasoning(predictions: Predictions, lineage: str, benchmarks: Sequence[str]) -> list[str]:
    """The reasoning of every answer of a lineage on the benchmarks, of all seeds.

    Raises:
        ViperError: predictions are missing, or no answer has any reasoning.
    """
    texts = []
    for seed in predictions.seeds if is_trained(lineage) else (None,):
        for benchmark in benchmarks:
            for said in read_items(predictions.path(lineage, seed, benchmark))["prediction"]:
                texts += [reasoning(completion) for completion in _completions(said)]
    if not any(texts):
        raise ViperError(
            f"{lineage}: none of {len(texts)} answers has reasoning in <think>: there are no words to count"
        )
    return texts


def _completions(prediction: str) -> list[str]:
    """One, or the four of an item that is asked four times, which are kept as a JSON list."""
    if prediction.startswith('["'):
        try:
            return [str(text) for text in json.loads(prediction)]
        except json.JSONDecodeError:
            return [prediction]  # a completion that happens to begin like a list
    return [prediction]


def compare(before: Sequence[str], after: Sequence[str]) -> pd.DataFrame:
    """Compare single words, and pairs of neighbors, of two lists of texts; each length is compared among its own.

    Returns:
        COLUMNS, the most gained term first: `before` and `after` are counts, `log_odds` is positive for terms that are
        used more after, `z` is it in standard errors (which take words for independent, as they never quite are).
    """
    table = pd.concat([_compare(before, after, words) for words in range(1, _LONGEST + 1)])
    return table.sort_values(["z", "term"], ascending=[False, True], ignore_index=True)


def read_compared(path: str | Path) -> pd.DataFrame:
    """Read a table of `compare` that was written to a file; it has no rows where there were no two terms.

    Raises:
        ViperError: see `viper.reading.read_table` and `keyed`.
    """
    numbers = {"words": Number(1, _LONGEST, whole=True), "log_odds": FINITE, "z": FINITE}
    numbers |= dict.fromkeys(("before", "after"), NATURAL)
    numbers |= dict.fromkeys(("per_thousand_before", "per_thousand_after"), Number(0, 1000))
    table = read_table(path, needed=COLUMNS, numbers=numbers)
    return keyed(table, path, "term", numbers=numbers) if len(table) else table


def _compare(before: Sequence[str], after: Sequence[str], words: int) -> pd.DataFrame:
    vectorizer = CountVectorizer(ngram_range=(words, words), token_pattern=_WORD)
    try:
        counts = vectorizer.fit_transform([*before, *after])
    except ValueError:  # its way to say that there is no term of this length
        return pd.DataFrame(columns=COLUMNS)
    if counts.shape[1] < 2:
        return pd.DataFrame(columns=COLUMNS)  # the odds of the only term there is are no odds
    first, second = (np.asarray(part.sum(axis=0)).ravel().astype(float) for part in _halves(counts, len(before)))
    odds, z = log_odds(first, second)
    return pd.DataFrame(
        {
            "term": vectorizer.get_feature_names_out(),
            "words": words,
            "before": first.astype(int),
            "after": second.astype(int),
            "per_thousand_before": 1000 * first / max(first.sum(), 1),
            "per_thousand_after": 1000 * second / max(second.sum(), 1),
            "log_odds": odds,
            "z": z,
        },
        columns=COLUMNS,
    )


def _halves(counts, size: int):
    return counts[:size], counts[size:]


def log_odds(before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Difference of the log-odds of each term, after minus before, and its z-score; both (terms,), as the counts are.

    Every term occurs in one of them at least, and there are two terms at least.
    """
    prior = PRIOR * (before + after) / (before + after).sum()
    odds = [np.log((count + prior) / (count.sum() + PRIOR - count - prior)) for count in (after, before)]
    variance = 1 / (after + prior) + 1 / (before + prior)
    difference = odds[0] - odds[1]
    return difference, difference / np.sqrt(variance)
