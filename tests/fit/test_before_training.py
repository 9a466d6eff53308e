"""Nothing is trained before every step is known to fit, where a scale names its GPUs."""

import json

import pytest

from viper.workflow.graph import read

FORECAST = "results/7b/fit/forecast.csv"


@pytest.fixture(scope="module")
def planned():
    """What training the main experiment of 7b needs, each job before those that need it."""
    return read(["train_main"], "7b").jobs


def test_every_training_waits_for_the_forecast(planned):
    trainings = [job for job in planned if job.rule == "train"]
    assert {job.wildcards["lineage"] for job in trainings} == {"base.csr", "base.csr.vop"}
    assert [FORECAST in job.inputs for job in trainings] == [True] * len(trainings)


def test_the_forecast_is_that_of_the_run_and_waits_for_no_data(planned):
    """It says within minutes what does not fit: only the models' configurations are read for it."""
    (forecast,) = [job for job in planned if FORECAST in job.outputs]
    assert (forecast.command, forecast.params["scale"]) == ("fit", "7b")
    assert all(path.endswith("manifest.json") for path in forecast.inputs)


def test_a_scale_that_names_no_gpus_trains_without():
    without = f"scales={json.dumps({'7b': {'fit': {'gpu_memory': None}}})}"
    jobs = read(["train_main"], "7b", more=[without]).jobs
    assert [job.inputs for job in jobs if job.rule == "train" and FORECAST in job.inputs] == []
    assert "fit" not in {job.rule for job in jobs}
