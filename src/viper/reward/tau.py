"""Where tau comes from: params.yaml, or the calibration of the scale's embedder."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field

from viper.config.reward import Reward as RewardSection
from viper.errors import ViperError
from viper.layout import Layout
from viper.reading import read_json


class Threshold(BaseModel, strict=True):
    """What `calibrate_tau` writes, as far as it is read again; the rest is for people."""

    embedder: str
    tau: Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False, description="a cosine similarity")]


def tau_path(scale: str) -> Path:
    """Where the rule `calibrate_tau` writes the choice for `scale`."""
    return Path(Layout(scale).tau())


def read_tau(path: str | Path, embedder: str) -> float:
    """The calibrated threshold of `embedder` (its `path` in params.yaml).

    Raises:
        ViperError: there is no such file, it is broken, or it was made for another embedder.
    """
    remedy = f"Make it again: snakemake --forcerun calibrate_tau -- {path}"
    if not Path(path).exists():
        raise ViperError(f"tau is 'calibrated', but {path} is missing; make it with: snakemake {path}")
    record = read_json(path, Threshold, remedy)
    if record.embedder != embedder:
        raise ViperError(f"{path} belongs to the embedder {record.embedder!r}, not {embedder!r}. {remedy}")
    return record.tau


def given_tau(section: RewardSection, calibrated: Path | None) -> float:
    """The number behind the section's `tau`: itself, or what was calibrated, of the file that a rule names.

    Raises:
        ViperError: it is to be calibrated, and no file is named; or see `read_tau`.
    """
    if section.tau != "calibrated":
        return section.tau
    if calibrated is None:
        raise ViperError("reward.tau is 'calibrated': pass the file that calibrate-tau wrote as --tau")
    return read_tau(calibrated, section.embedder.path)


def resolve_tau(section: RewardSection, scale: str) -> float:
    """The number behind the section's `tau`: itself, or what was calibrated for `scale`.

    Raises:
        ViperError: see `read_tau`.
    """
    if section.tau == "calibrated":
        return read_tau(tau_path(scale), section.embedder.path)
    return section.tau
