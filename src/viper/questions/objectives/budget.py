"""What a lineage's training took, in four currencies, counted from what it wrote down step by step.

- *updates*: optimizer steps.
- *samples*: responses that these steps were made on; one that serves several updates counts as often.
- *tokens*: of prompts and responses, sampled and trained on.
- *passes*: tokens through the model, forwards; a backward pass counts as two. Times twice the number of its parameters
  these are floating-point operations (Kaplan et al., arXiv 2001.08361, section 2.1). Prompts that are run once a group
  (`shared_prefix`) are counted as often as TRL runs them: what is compared is the method, not how it is computed.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel

from viper.analysis.keyed import COUNT, FINITE, NATURAL, Number, keyed
from viper.analysis.rewards import read_phase
from viper.config.schema import Scale
from viper.config.training import Grpo
from viper.errors import ViperError
from viper.lineage import variant_of
from viper.reading import read_table

COUNTS = ["updates", "prompts", "samples", "sampled_tokens", "trained_tokens", "passes", "seconds"]
CURVES = ["lineage", "seed", "step", "passes", "reward", "smoothed"]
_FORWARD, _UPDATE = 1, 3  # passes a token: to sample it or to judge it, and to learn from it


class Regime(BaseModel):
    """How a phase spends what it is given.

    Attributes:
        method: 'grpo' or 'sft'.
        prompts: that are sampled, or learned, together.
        samples: responses that one optimizer step is made on.
        updates: optimizer steps on one sampling.
        parts: whether each of them takes another part of it, or all take all.
        judged: times that a sampled token is judged besides: by the policy that sampled it, where updates go on with
            what another drew, and by the reference model of a KL term.
    """

    method: Literal["grpo", "sft"]
    prompts: int
    samples: int
    updates: int = 1
    parts: bool = False
    judged: int = 0


def regimes(scale: Scale, lineages: Sequence[str]) -> dict[str, Regime]:
    """How every phase of these lineages is trained, by the checkpoint that it leads to; the base has none."""
    found = {}
    for lineage in lineages:
        phases = scale.under(variant_of(lineage)).training.phases
        parsed = scale.training.lineage(lineage, scale.variants)
        found |= {stage: _regime(phases[name]) for stage, name in zip(parsed.stages, parsed.phases, strict=True)}
    return found


def _regime(phase: Grpo) -> Regime:
    if not isinstance(phase, Grpo):
        return Regime(method="sft", prompts=phase.prompts_per_step, samples=phase.responses_per_step)
    updates = phase.updates_per_rollout
    return Regime(
        method="grpo",
        prompts=phase.prompts_per_rollout,
        samples=phase.responses_per_step,
        updates=updates,
        parts=phase.updates == "parts",
        judged=int(updates > 1) + int(phase.beta > 0),
    )


def read_metrics(path: Path) -> pd.DataFrame:
    """The steps of one phase: step, reward, tokens and seconds, as `viper.training.records` describes them.

    Raises:
        ViperError: see `viper.analysis.rewards.read_phase`; or the file is of before tokens were counted.
    """
    numbers = {"reward": FINITE, "tokens": Number(low=0), "seconds": Number(low=0)}
    steps = read_phase(path, numbers, always=["seconds"])
    if np.isnan(steps["tokens"].iloc[0]):
        raise ViperError(f"{path}: does not say how many tokens its first step had: train this lineage again")
    return steps


def spent(steps: pd.DataFrame, regime: Regime) -> pd.DataFrame:
    """What each step of a phase took, one row a step; the columns are COUNTS.

    Args:
        steps: see `read_metrics`; a step without tokens goes on with those that were sampled before.
    """
    sampled = steps["tokens"].fillna(0)
    is_sampling = steps["tokens"].notna()
    share = 1 / regime.updates if regime.parts else 1.0
    trained = steps["tokens"].ffill() * share
    draws = sampled if regime.method == "grpo" else 0 * sampled
    return pd.DataFrame(
        {
            "updates": 1,
            "prompts": regime.prompts * is_sampling,
            "samples": regime.samples,
            "sampled_tokens": draws,
            "trained_tokens": trained,
            "passes": (_FORWARD + regime.judged) * draws + _UPDATE * trained,
            "seconds": steps["seconds"],
        }
    )


def total(files: Mapping[tuple[str, int], Path], regimes: Mapping[str, Regime], lineage: str, seed: int) -> pd.Series:
    """What all phases of one lineage and seed took together; COUNTS.

    Args:
        files: metrics by checkpoint and seed. regimes: by checkpoint.

    Raises:
        ViperError: a file was not named; see `read_metrics`.
    """
    return sum(spent(read_metrics(_file(files, stage, seed)), regimes[stage]).sum() for stage in stages(lineage))


def curve(
    files: Mapping[tuple[str, int], Path], regimes: Mapping[str, Regime], lineage: str, seed: int, window: int
) -> pd.DataFrame:
    """The reward of one phase over what it had taken before; CURVES, one row a sampling.

    Args:
        window: samplings; `smoothed` is the mean of as many up to each.
    """
    steps = read_metrics(_file(files, lineage, seed))
    before = spent(steps, regimes[lineage])["passes"].cumsum().shift(fill_value=0)
    rows = steps.assign(lineage=lineage, seed=seed, passes=before)[steps["reward"].notna()]
    return rows.assign(smoothed=rows["reward"].rolling(window, min_periods=1).mean())[CURVES]


def read_curves(path: str | Path, drawn: Sequence[str]) -> pd.DataFrame:
    """Read the curves of several lineages and seeds that were written to a file.

    Args:
        drawn: whose they are; may be none.

    Raises:
        ViperError: see `viper.reading.read_table` and `keyed`.
    """
    numbers = dict.fromkeys(CURVES[1:], FINITE)
    numbers |= {"seed": NATURAL, "step": COUNT, "passes": Number(low=0)}
    table = read_table(path, needed=CURVES, numbers=numbers)
    if len(drawn) or len(table):
        keyed(table, path, ("lineage", "step"), "seed", numbers=numbers, values={"lineage": drawn})
    return table


def at_equal_compute(curves: pd.DataFrame) -> dict[str, float]:
    """Lineage → its reward, the mean over seeds, where each curve had taken what the cheapest had before its
    last sampling."""
    runs = curves.groupby(["lineage", "seed"], sort=False)
    at = runs["passes"].max().min()
    reached = runs[["passes", "smoothed"]].apply(lambda run: float(np.interp(at, run["passes"], run["smoothed"])))
    return reached.groupby("lineage", sort=False).mean().to_dict()


def stages(lineage: str) -> list[str]:
    """The checkpoints on the way to a lineage, itself the last; none for the base."""
    base, *phases = lineage.split(".")
    return [".".join([base, *phases[: number + 1]]) for number in range(len(phases))]


def _file(files: Mapping[tuple[str, int], Path], stage: str, seed: int) -> Path:
    if (stage, seed) not in files:
        raise ViperError(f"{stage} with seed {seed}: no file of metrics was named")
    return files[stage, seed]
