"""A scale of the paper from `fetch` to `claims`, with its own parameters, rules and code, where only sizes are small.

overlay.yaml says what is smaller, and what therefore stays untested. The tests share one checkout and are in the order
of the workflow; each has its failure, which the run survives.
"""

import csv
import json
import os

import pytest

from rehearsal.failures import kill_command, requeue, wait_for
from rehearsal.stage import pinned_models
from repository import end_of

pytestmark = pytest.mark.slow

JOBS = ("--jobs", str(max(2, os.cpu_count() or 2)))
EMBEDDER = "*/bge-m3/*/pytorch_model.bin"


def finished(stage, cluster, process, minutes=35):
    """What a run said, once it has ended well; one that takes longer hangs."""
    said = end_of(process, minutes)
    if process.returncode:
        queue, node = cluster.ask("squeue", "--format=%i %T %r %k"), cluster.ask("scontrol", "show", "node")
        pytest.fail("\n".join([said[-6000:], queue, node, stage.checkout.logs()[-12000:]]))
    return said


def answers(stage, split, name):
    """Index and answer of every item of a benchmark that the base was asked."""
    path = stage.root / f"results/{stage.scale}/predictions/{split}/base/{name}.tsv"
    with path.open(newline="", encoding="utf-8") as file:
        return [(row["index"], row["prediction"]) for row in csv.DictReader(file, delimiter="\t")]


def test_models_and_benchmarks_arrive_over_a_bad_line(stage, cluster):
    stage.hub.drop.update({"*/model-00002-of-*": 1, "*/MMStar.tsv": 1, "*/MME_RealWorld_base64_3.json": 1})
    stage.hub.slow[EMBEDDER] = 0.05
    process = stage.start(*JOBS, "--", "fetch")
    wait_for(lambda: any("pytorch_model.bin" in path for path in stage.hub.served), process)
    assert kill_command("fetch-model", stage.root) > 0, "a model was on its way"
    stage.hub.slow.clear()
    finished(stage, cluster, process)
    assert len(stage.hub.dropped) == 3
    manifests = list((stage.root / "cache/models").glob("*/*/*/manifest.json"))
    assert len(manifests) == len(pinned_models(stage.scale))
    assert len(list((stage.root / "LMUData").glob("*.tsv"))) == 8


def test_two_evaluations_start_at_once_and_one_is_queued_again(stage, cluster):
    targets = [f"results/{stage.scale}/predictions/{split}/base/scores.json" for split in ("dev", "test")]
    process = stage.start(*JOBS, "--", *targets)
    wait_for(lambda: len(cluster.jobs("evaluate_base", "RUNNING")) == 2, process)
    kept = stage.root / f"work/{stage.scale}/predictions/test/base"
    wait_for(lambda: any(len(path.read_text().splitlines()) > 1 for path in kept.glob("*.jsonl")), process)
    (job,) = (job for job in cluster.jobs("evaluate_base") if "test" in cluster.job(job)["Comment"])
    requeue(cluster, job, process)
    finished(stage, cluster, process)
    assert cluster.job(job)["Restarts"] == "1"
    log = (stage.root / f"logs/{stage.scale}/base/evaluate_base/test.log").read_text(encoding="utf-8")
    assert "answers of an earlier attempt" in log
    for name in ("MMStar", "BLINK", "MME-RealWorld", "CRPE_RELATION"):
        some, whole = answers(stage, "dev", name), answers(stage, "test", name)
        assert some == whole[: len(some)], name


def test_everything_up_to_the_claims(stage, cluster, experiments):
    """From photographs to the claims, every step on the way."""
    scales = [f"scales={{{stage.scale}: {{experiments: {{{experiments}}}}}}}"] if experiments else []
    run = stage.start(*scales, *JOBS, "--", "all")
    finished(stage, cluster, run, minutes=35 if experiments else 150)
    with (stage.root / f"results/{stage.scale}/claims/claims.csv").open(newline="", encoding="utf-8") as file:
        claims = list(csv.DictReader(file))
    assert claims
    assert all(claim["verdict"] for claim in claims)
    check_trainings(stage, cluster)


def check_trainings(stage, cluster):
    """Every training had what the scale asks for, and did as it says."""
    for number in cluster.jobs("train"):
        job = cluster.job(number)
        assert "gres:gpu:8" in job["TresPerJob"], "what the scale asks for"
        assert job["NumCPUs"] == "64"
    logs = stage.root / f"logs/{stage.scale}"
    trained = [path.read_text(encoding="utf-8", errors="replace") for path in logs.glob("base.*/seed0/train.log")]
    assert trained
    assert all("generating with vLLM 0.30.0" in log for log in trained if "reward" in log)
    for manifest in (stage.root / "models" / stage.scale).glob("*/seed0/manifest.json"):
        record = json.loads((manifest.parent / "training_config.json").read_text(encoding="utf-8"))
        assert record["options"]["machine"]["accelerate_config"] == f"envs/accelerate/{stage.scale}.yaml"
