"""Wrong parameters stop Snakemake itself in one message, before anything is planned or executed."""

import json
import re

import pytest

from repository import also_long

pytestmark = pytest.mark.slow

BROKEN = {
    "expressions": (
        "__use_yte__: true\nbeside: ?open('executed', 'w')\n",
        r"params\.yaml, line \d+: __use_yte__ is refused",
    ),
    "a key twice": ("scale: smoke\n", r"params\.yaml, line \d+: the key 'scale' stands in line \d+ too"),
    "a tab": ("beside:\n\tscale: smoke\n", r"params\.yaml, line \d+, column 1: not valid YAML"),
}


@pytest.mark.parametrize(("text", "message"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_file_stops_the_plan(copy_repository, text, message):
    workflow = copy_repository()
    params = workflow.root / "params.yaml"
    params.write_text(params.read_text() + text)
    refused = workflow.snakemake("--dry-run", "--", "main", check=False)
    output = refused.stdout + refused.stderr
    assert refused.returncode != 0
    assert len(re.findall(message, output)) == 1
    assert "Traceback" not in output
    assert not (workflow.root / "executed").exists()


def test_a_file_for_one_run_changes_values_and_may_execute_nothing(copy_repository):
    workflow = copy_repository()
    other = workflow.root / "other.yaml"
    other.write_text("scales: {smoke: {seeds: [7], evaluation: {attention: null}}}\n")
    refused = workflow.snakemake("--configfile", "other.yaml", "--dry-run", "--", "main", check=False)
    assert "figure_attention needs evaluation.attention" in refused.stdout + refused.stderr
    other.write_text("scales: {smoke: {seeds: [7]}}\n")
    plan = workflow.snakemake("--configfile", "other.yaml", "--dry-run", "--", "main").stdout
    assert "data/smoke/images/seed7/" in plan
    assert "results/smoke/main-seed7/main.csv" in plan
    other.write_text("__use_yte__: false\nscales: {smoke: {seeds: [7]}}\n")
    refused = workflow.snakemake("--configfile", "other.yaml", "--dry-run", "--", "main", check=False)
    assert "__use_yte__ is refused" in refused.stdout + refused.stderr


@pytest.mark.parametrize(
    ("lineages", "drawn"),
    [
        (["base", "base.csr.vop", "base.mix+look"], ["base.csr.vop", "base.mix"]),
        (["base.sft", "base.cold.csr"], ["base.cold.csr"]),
        (["base", "base.sft"], []),
    ],
)
def test_reward_curves_are_of_what_was_trained_with_a_reward(copy_repository, lineages, drawn):
    """Others stand in the tables of such an experiment; where there is none at all, nothing is trained first."""
    change = f"scales={json.dumps({'smoke': {'experiments': {'ablation_mixed_rl': lineages}}})}"
    said = copy_repository().snakemake(
        change, "--dry-run", "--printshellcmds", "--", "ablation_mixed_rl", check=bool(drawn)
    )
    if drawn:
        (command,) = (line for line in said.stdout.splitlines() if "viper reward-curves" in line)
        assert re.findall(r"--lineage (\S+)", command) == drawn
    else:
        one_message(said, "experiments.ablation_mixed_rl draws the rewards of training")


def test_a_cold_start_that_is_missing_stops_only_what_needs_it(copy_repository):
    workflow = copy_repository()
    change = "scales={smoke: {training: {cold_start: {source: cold.jsonl}}}}"
    message = "training.cold_start.source: cold.jsonl is "
    plan = workflow.snakemake(change, "--dry-run", "--", "main")
    assert message not in plan.stdout + plan.stderr
    for make in (lambda path: None, lambda path: path.touch()):
        make(workflow.root / "cold.jsonl")
        plan = workflow.snakemake(change, "--dry-run", "--", "ablation_cold_start")
        assert "rule cold_samples" in plan.stdout
        assert (plan.stdout + plan.stderr).count(message) == 1
        one_message(workflow.snakemake(change, "--", "ablation_cold_start", check=False), message)
    assert not (workflow.root / "data/smoke").exists(), "nothing was begun"


def test_without_photographs_all_else_can_be_planned(copy_repository):
    """The whole of the paper's scale is listed with what is yet to be got; what needs it does not begin."""
    workflow = copy_repository()
    plan = workflow.snakemake("scale=3b", "--dry-run", "--", "all")
    assert "rule judge_claims" in plan.stdout
    messages = ("images.paths: 'data/photographs/**/*.jpg' names no file", "data/cold_start.jsonl is not there")
    assert [(plan.stdout + plan.stderr).count(message) for message in messages] == [1, 1]
    fetched = workflow.snakemake("scale=3b", "--dry-run", "--", "fetch")
    assert not [message for message in messages if message in fetched.stdout + fetched.stderr]
    one_message(workflow.snakemake("scale=3b", "--", "images", check=False), messages[0])


def test_a_data_set_of_the_hub_stands_for_photographs(copy_repository):
    workflow = copy_repository()
    hub = {"dataset": f"some/photographs@{'5' * 40}", "files": ["data/one.parquet", "data/two.parquet"]}
    change = f"scales={json.dumps({'3b': {'images': {'source': 'hub', 'paths': [], 'hub': hub}}})}"
    plan = workflow.snakemake("scale=3b", change, "--dry-run", "--printshellcmds", "--", "images").stdout
    folder = f"cache/datasets/some/photographs/{'5' * 40}"
    wanted = f"viper fetch-photographs some/photographs@{'5' * 40} --file data/one.parquet --file data/two.parquet"
    assert f"{wanted} --folder {folder}" in plan
    assert f"--data {folder} --known LMUData/hashes/MMStar.csv" in plan
    assert plan.count("rule hash_benchmark:") == 8, "no photograph of a benchmark"
    fetched = workflow.snakemake("scale=3b", change, "--dry-run", "--", "fetch").stdout
    assert "rule fetch_photographs:" in fetched


def one_message(refused, message):
    """A run of Snakemake ended in this message, shown once, without a stack frame."""
    output = refused.stdout + refused.stderr
    assert refused.returncode != 0
    assert output.count(message) == 1, output
    assert "Traceback" not in output
    assert '  File "' not in output


REFUSED = [
    ("{images: {source: folder, paths: ['{a,b}/*.jpg']}}", "images", "braces"),
    ("{training: {phases: {vop: {extends: vop}}}}", "main", "cannot extend itself"),
    ("{experiments: {tau: [base]}}", "main", "experiments.tau: 'tau' is made by a table or figure already"),
    ("{reward: {embedder: {path: 'package:nosuch'}}}", "main", "reward.embedder.path: embedder 'package:nosuch'"),
]
REFUSED_TOO = [
    ("{training: {phases: {csr: {learning_rate: .inf}}}}", "main", "phases.csr.learning_rate = inf"),
    ("{models: {vlm: {path: " + "a" * 300 + "}}}", "main", "models.vlm.path"),
    ("{reward: {embedder: {path: models/nosuch}}}", "main", "reward.embedder.path: embedder 'models/nosuch'"),
    ("{reward: {calibration: {pairs: none.csv}}}", "main", "reward.calibration.pairs: none.csv is not there"),
    ("{training: {machine: {accelerate_config: none.yaml}}}", "main", "accelerate_config: none.yaml is not there"),
    ("{evaluation: {benchmarks: {}}}", "main", "scales.smoke.evaluation.benchmarks = {}"),
    ("{seeds: [true]}", "main", "seeds.0 = True"),
]


@pytest.mark.parametrize(("change", "target", "message"), [*REFUSED, *also_long(REFUSED_TOO)])
def test_a_plan_ends_in_one_message_without_frames(refusing, change, target, message):
    scales = f"scales={{smoke: {change}}}"
    one_message(refusing.snakemake(scales, "--dry-run", "--", target, check=False), message)


def test_what_a_target_does_not_need_may_be_missing(refusing):
    missing = (
        "{reward: {embedder: {path: 'package:nosuch'}, calibration: {pairs: none.csv}}, "
        "training: {machine: {accelerate_config: none.yaml}}}"
    )
    refusing.snakemake(f"scales={{smoke: {missing}}}", "--dry-run", "--", "images")
    others = "{reward: {calibration: {pairs: none.csv}}, training: {machine: {accelerate_config: none.yaml}}}"
    refusing.snakemake(f"scales={{3b: {others}}}", "--dry-run", "--", "main")


ANYTHING = [b"\xff\xfes\0c\0", b"", b"a: [" * 5000]
ANYTHING_TOO = [b"\x00\x01\x02", b"- a\n", b"on: 1\n1: 2\n"]


@pytest.mark.parametrize("content", [*ANYTHING, *also_long(ANYTHING_TOO)])
def test_a_file_of_anything_ends_in_one_message(refusing, content):
    params = refusing.root / "params.yaml"
    before = params.read_bytes()
    params.write_bytes(content)
    try:
        one_message(refusing.snakemake("--dry-run", "--", "main", check=False), "params.yaml")
    finally:
        params.write_bytes(before)


@pytest.fixture(scope="module")
def refusing(copy_repository):
    """A copy in which nothing is ever made."""
    return copy_repository()


def test_values_of_one_run_reach_its_own_account_with_their_types(refusing):
    plan = refusing.snakemake(
        "scales={smoke: {seeds: [3], models: {checker: null}}}",
        "--dry-run", "--printshellcmds", "--", "results/smoke/report-seed3/cost.csv",
    )  # fmt: skip
    changed = re.search(r"viper cost --scale smoke --target main --config '(.*?)'", plan.stdout + plan.stderr).group(1)
    assert json.loads(changed) == {"scales": {"smoke": {"seeds": [3], "models": {"checker": None}}}}
