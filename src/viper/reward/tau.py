"""Where tau comes from: params.yaml, or the calibration of the scale's embedder."""

import json
from pathlib import Path

from viper.config.reward import Reward as RewardSection
from viper.errors import ViperError


def tau_path(scale: str) -> Path:
    """Where the rule `calibrate_tau` writes the choice for `scale`."""
    return Path("results") / scale / "tables" / "tau.json"


def read_tau(path: str | Path, embedder: str) -> float:
    """The calibrated threshold of `embedder` (its `path` in params.yaml).

    Raises:
        ViperError: there is no such file, or it was made for another embedder.
    """
    path = Path(path)
    if not path.is_file():
        raise ViperError(f"tau is 'calibrated', but {path} is missing; make it with: snakemake {path}")
    record = json.loads(path.read_text())
    if record["embedder"] != embedder:
        raise ViperError(
            f"{path} belongs to the embedder {record['embedder']!r}, not {embedder!r}; make it again: snakemake {path}"
        )
    return float(record["tau"])


def resolve_tau(section: RewardSection, scale: str) -> float:
    """The number behind the section's `tau`: itself, or what was calibrated for `scale`.

    Raises:
        ViperError: see `read_tau`.
    """
    if section.tau == "calibrated":
        return read_tau(tau_path(scale), section.embedder.path)
    return section.tau
