import json

import pytest

from method import method
from viper.config.reward import Reward as RewardSection
from viper.errors import ViperError
from viper.reward.tau import resolve_tau, tau_path


@pytest.fixture
def section():
    return RewardSection(**method("reward", embedder={"path": "some-embedder"}, tau="calibrated"))


def test_a_number_needs_no_file():
    assert resolve_tau(RewardSection(**method("reward", embedder={"path": "x"})), "3b") == 0.85


def test_missing_calibration_says_what_to_run(section, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ViperError, match=r"snakemake results/micro/threshold/tau\.json"):
        resolve_tau(section, "micro")


def test_calibration_of_another_embedder_is_refused(section, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tau_path("micro")
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"tau": 0.99, "embedder": "some-embedder"}))
    assert resolve_tau(section, "micro") == 0.99
    path.write_text(json.dumps({"tau": 0.99, "embedder": "another"}))
    with pytest.raises(ViperError, match="another"):
        resolve_tau(section, "micro")
