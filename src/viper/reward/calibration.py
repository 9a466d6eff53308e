"""Choosing tau for an embedder: the receiver operating characteristic of labelled sentence pairs."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from viper.errors import ViperError
from viper.reward.pairs import Pair
from viper.reward.sentences import normalize

if TYPE_CHECKING:
    from viper.models.base import Embedder

_DECIMALS = 6  # below this, float32 cosines of the same two sentences differ from batch to batch


@dataclass(frozen=True)
class Choice:
    """The chosen threshold, its rates, and why it was chosen."""

    tau: float
    true_positive_rate: float
    false_positive_rate: float
    auc: float
    reason: str


def measure(pairs: list[Pair], embedder: "Embedder") -> pd.DataFrame:
    """The pairs with a column `cosine`, rounded to 6 decimals; sentences are normalized as the reward does it."""
    table = pd.DataFrame(pairs)
    sentences = list(dict.fromkeys(normalize(text) for pair in pairs for text in (pair.first, pair.second)))
    index = {sentence: row for row, sentence in enumerate(sentences)}
    vectors = embedder.embed(sentences)
    first, second = ([index[normalize(text)] for text in table[side]] for side in ("first", "second"))
    cosines = np.einsum("nd,nd->n", vectors[first], vectors[second]).astype(float)
    return table.assign(cosine=np.clip(cosines, -1, 1).round(_DECIMALS))


def roc_table(table: pd.DataFrame) -> pd.DataFrame:
    """Rates at every threshold that matters: halfway between neighboring cosines, so that rounding cannot flip a pair.

    Columns: tau, true_positive_rate, false_positive_rate, youden_j = their difference (Youden 1950). A pair is called
    the same when its cosine is strictly greater than tau.

    Raises:
        ViperError: there is no pair of one of the two sorts.
    """
    positives = np.sort(table.loc[table["same"], "cosine"])
    negatives = np.sort(table.loc[~table["same"], "cosine"])
    if not len(positives) or not len(negatives):
        raise ViperError(f"calibration needs pairs of both sorts: {len(positives)} same, {len(negatives)} different")
    levels = np.unique(table["cosine"])
    taus = (levels[1:] + levels[:-1]) / 2
    # The reward takes no threshold below 0; there, everything that is not opposite is called the same.
    taus = np.concatenate([[0.0], taus[taus > 0]])

    def rate(cosines: np.ndarray) -> np.ndarray:
        return (len(cosines) - np.searchsorted(cosines, taus, side="right")) / len(cosines)

    rates = pd.DataFrame({"tau": taus, "true_positive_rate": rate(positives), "false_positive_rate": rate(negatives)})
    return rates.assign(youden_j=rates["true_positive_rate"] - rates["false_positive_rate"])


def choose_tau(table: pd.DataFrame, max_false_positive_rate: float | None) -> Choice:
    """The threshold for measured pairs.

    With a limit: the lowest tau whose false positive rate keeps it, hence the highest true positive rate possible.
    Without: the tau of the greatest Youden J.

    Args:
        table: what `measure` gives.
        max_false_positive_rate: the limit, or None.

    Raises:
        ViperError: no threshold keeps the limit and still accepts any pair of the same meaning.
    """
    roc = roc_table(table)
    if max_false_positive_rate is None:
        row = roc.loc[roc["youden_j"].idxmax()]
        reason = "the greatest Youden J (true minus false positive rate)"
    else:
        allowed = roc[(roc["false_positive_rate"] <= max_false_positive_rate) & (roc["true_positive_rate"] > 0)]
        if allowed.empty:
            raise ViperError(
                f"no tau keeps the false positive rate at or below {max_false_positive_rate:g} and accepts any right "
                "sentence: this embedder cannot tell them apart; raise reward.calibration.max_false_positive_rate or "
                "choose another reward.embedder"
            )
        row = allowed.iloc[0]
        reason = f"the lowest tau with a false positive rate of at most {max_false_positive_rate:g}"
    auc = float(roc_auc_score(table["same"], table["cosine"]))
    return Choice(float(row["tau"]), float(row["true_positive_rate"]), float(row["false_positive_rate"]), auc, reason)


def rates_by_kind(table: pd.DataFrame, tau: float) -> dict[str, dict[str, float]]:
    """For each kind of pair: how many there are, and the share that tau calls the same."""
    above = table.assign(above=table["cosine"] > tau).groupby("kind", sort=False)["above"].agg(["size", "mean"])
    return {kind: {"pairs": int(row["size"]), "above_tau": float(row["mean"])} for kind, row in above.iterrows()}
