"""The graph without running it: what is planned, what is not, and what a mistake in the parameters says."""

import json
import os
import re

import pytest
from PIL import Image

from repository import also_long
from viper.config import load
from viper.manifest import MANIFEST
from viper.synthesis.rows import read_rows
from viper.workflow.graph import from_json

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def workflow(copy_repository):
    return copy_repository()


def planned(workflow, target, *config):
    """What a dry run of `target` says; `config` is more of Snakemake's key=value."""
    return workflow.snakemake(*config, "--dry-run", "--", target).stdout


def test_all_is_planned_without_training_or_fetching_base_models(workflow):
    plan = planned(workflow, "all")
    assert "rule train:" in plan
    assert "rule pretrain" not in plan
    assert "rule fetch_pretrained:" not in plan  # a note on missing metadata may name it


# What each target trains; `base` is the experiment's input.
TWO_STAGE = {"base.csr", "base.csr.vop"}
TRAINED = {
    "main": TWO_STAGE,
    "ablation_stages": TWO_STAGE | {"base.vop"},
    "ablation_mixed_rl": TWO_STAGE | {"base.mix"},
    "ablation_cold_start": TWO_STAGE | {"base.cold", "base.cold.csr", "base.cold.csr.vop"},
    "ablation_sft": TWO_STAGE | {"base.sft"},
    "figure_attention": TWO_STAGE,
    "figure_wordcloud": {"base.csr"},
}
EVERYTHING = set().union(*TRAINED.values())


def trained(plan):
    """Lineage and seed of every checkpoint that a plan trains, in order."""
    return re.findall(r"rule train:\n(?: .*\n)*?    output: models/smoke/([a-z.]+)/seed(\d+)/manifest\.json", plan)


def test_lineages_that_experiments_share_are_trained_once(workflow):
    plan = planned(workflow, "all", f"scales={json.dumps({'smoke': {'seeds': [0, 1]}})}")
    assert plan.count("rule train:") == len(trained(plan))
    assert sorted(trained(plan)) == sorted((lineage, seed) for lineage in EVERYTHING for seed in "01")
    assert plan.count("rule evaluate_base:") == 2  # base and base+look are the same for every seed
    # With two seeds, each asked in two ways; nobody asks how the cold start's stages score.
    assert plan.count("rule evaluate:") == 2 * 2 * (len(EVERYTHING) - 2)


@pytest.mark.parametrize("target", ["main", *also_long([*list(TRAINED)[1:], "claims"])])
def test_each_target_alone_trains_what_it_compares(workflow, target):
    assert {lineage for lineage, _ in trained(planned(workflow, target))} == TRAINED.get(target, EVERYTHING)


def test_behind_each_target_stands_the_training_of_what_it_compares(workflow):
    graph = from_json(workflow.run("viper", "graph", *TRAINED, "claims", "--scale", "smoke").stdout)
    trainings = {target: [job for job in graph.jobs_of(target) if job.rule == "train"] for target in graph.targets}
    made = {
        target: {path.split("/")[2] for job in jobs for path in job.outputs if path.endswith(MANIFEST)}
        for target, jobs in trainings.items()
    }
    assert made == TRAINED | {"claims": EVERYTHING}


def test_a_new_ablation_is_one_line_of_params(workflow):
    scales = json.dumps({"smoke": {"experiments": {"ablation_order": ["base.csr.vop", "base.vop.csr"]}}})
    plan = planned(workflow, "ablation_order", f"scales={scales}")
    assert {lineage for lineage, _ in trained(plan)} == TWO_STAGE | {"base.vop", "base.vop.csr"}
    assert "results/smoke/ablation_order/ablation_order_subdomain-bars.svg" in plan


def test_pretraining_is_only_planned_when_asked_for(workflow):
    plan = planned(workflow, "pretrain")
    assert "models/smoke/pretrained/vlm/manifest.json" in plan
    assert "models/micro/pretrained" not in plan


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        ({"training": {"stepz": 3}}, "--config: scales.smoke.training.stepz = 3: unknown key"),
        ({"experiments": {"main": ["base.nope"]}}, "unknown phase 'nope'"),
        ({"analysis": {"split": "nope"}}, "analysis.split 'nope' is not among evaluation.splits: dev, test"),
        ({"synthesis": {"vop_held_out": 1}}, "synthesis.vop_held_out is 1, make it at least 2"),
    ],
)
def test_mistakes_stop_before_anything_runs(workflow, mistake, message):
    result = workflow.snakemake(f"scales={json.dumps({'smoke': mistake})}", "--dry-run", "--", "all", check=False)
    assert result.returncode != 0
    assert message in result.stdout + result.stderr


def test_photographs_of_any_name_are_collected_and_watched(copy_repository):
    workflow = copy_repository()
    folder = workflow.root / "my photos"
    folder.mkdir()
    sound = [
        "{a}.jpg",
        "{input}.jpg",
        "a b.jpg",
        "$(touch pwned).jpg",
        "`touch pwned`;'\".jpg",
        "new\nline.jpg",
        "%s.jpg",
    ]
    for number, name in enumerate([*sound, os.fsdecode(b"caf\xe9.jpg")]):
        Image.new("RGB", (64 + number, 64), "red").save(folder / name, "JPEG")
    (folder / "dangling.jpg").symlink_to("nowhere")
    images = {"source": "folder", "paths": ["my photos/*.jpg"], "number": 99, "shards": 1}
    config = f"scales={json.dumps({'smoke': {'images': images}})}"
    target = "data/smoke/images/seed0/shard0.parquet"
    workflow.snakemake(config, "--", target)
    rows = read_rows(workflow.root / target, ["source"])
    assert len(rows) == len(sound) + 1
    assert not list(workflow.root.glob("**/pwned"))
    assert "not a file,1" in (workflow.root / target).with_name("skipped.csv").read_text()
    assert "Nothing to be done" in planned(workflow, target, config)
    Image.new("RGB", (99, 64), "blue").save(folder / "{a}.jpg", "JPEG")
    assert "rule collect_images" in planned(workflow, target, config)


@pytest.fixture(scope="module")
def own_data(workflow):
    """One photograph and a file for the cold start, without which nothing can be planned at paper scale."""
    folder = workflow.root / "data/photographs"
    folder.mkdir(parents=True)
    Image.new("RGB", (300, 300)).save(folder / "one.jpg")
    (workflow.root / "data/cold_start.jsonl").write_text("{}\n")


@pytest.mark.parametrize("scale", ["3b", "7b"])
def test_the_whole_paper_is_planned(workflow, own_data, scale):
    plan = planned(workflow, "all", f"scale={scale}", "--printshellcmds")
    counts = dict(line.split() for line in plan.partition("Job stats:")[2].splitlines()[3:] if len(line.split()) == 2)
    asking = ("caption_images", "reconstruct_images", "critique_captions", "edit_images")
    expected = dict.fromkeys(asking, 64 + 1)  # the pilot
    expected |= {"fetch_model": 4, "fetch_benchmark": 8, "make_benchmark": 8, "train": 8, "evaluate": 12, "tables": 1}
    expected |= {"fetch_benchmark_pictures": 1, "unpack_benchmark": 8, "evaluate_base": 3}
    assert {rule: int(counts[rule]) for rule in expected} == expected
    assert f"--config_file=envs/accelerate/{scale}.yaml --num_processes 8" in plan
    assert (workflow.root / f"envs/accelerate/{scale}.yaml").exists()


@pytest.mark.parametrize("scale", ["micro", "3b", *also_long(["7b"])])
def test_open_questions_are_planned(workflow, own_data, scale):
    plan = planned(workflow, "open_questions", f"scale={scale}", "--printshellcmds")
    asked = load(scale).questions
    assert not re.findall(r"--[a-z]+ '?[a-z/]'? --[a-z]+ '?[a-z/]'? ", plan), "a path is no list of letters"
    for question in asked:
        assert f"results/{scale}/{question}/{question}_claims.csv" in plan
    assert f"results/{scale}/open_questions/answers.md" in plan
    assert ("rule fetch_model:" in plan) == (scale != "micro")


def test_an_experiment_may_be_left_out_of_params(copy_repository):
    """What cannot be had, such as samples for the cold start, must not keep the rest from being planned."""
    workflow = copy_repository()
    params = workflow.root / "params.yaml"
    params.write_text(re.sub(r"  ablation_cold_start:.*\n(?:  - .*\n)+", "", params.read_text()))
    plan = planned(workflow, "all")
    assert {lineage for lineage, _ in trained(plan)} == TWO_STAGE | {"base.vop", "base.mix", "base.sft"}
    assert "rule judge_claims:" in plan
    assert "rule cold_samples:" not in plan


def test_models_are_shared_between_scales_and_fetched_once(workflow, own_data):
    plans = [planned(workflow, "fetch", f"scale={scale}") for scale in ("3b", "7b")]
    fetched = [
        {line.split()[-1] for line in plan.splitlines() if line.strip().startswith("output: cache/")} for plan in plans
    ]
    assert [len(manifests) for manifests in fetched] == [7, 6], "3b asks for a second family"
    assert len(fetched[0] & fetched[1]) == 5, "painter, editor and the three embedders are the same"
    for manifest in fetched[0] & fetched[1]:
        (workflow.root / manifest).parent.mkdir(parents=True)
        (workflow.root / manifest).write_text("{}")
    assert planned(workflow, "fetch", "scale=7b").count("rule fetch_model:") == 1


def test_nothing_is_fetched_at_micro_scale(workflow):
    assert "fetch_model" not in planned(workflow, "fetch", "scale=micro")


def test_plain_snakemake_runs_without_being_told_how_many_cores(copy_repository):
    workflow = copy_repository()
    workflow.snakemake("--", "data/smoke/images/seed0/shard0.parquet", cores=None)
    assert (workflow.root / "data/smoke/images/seed0/shard0.parquet").is_file()
