"""The whole workflow at smoke scale: from seeds to tables, twice to the same bytes, and from photographs."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skimage.data
from PIL import Image

from viper.analysis.claims import CLAIMS
from viper.analysis.pages import page

pytestmark = pytest.mark.slow

# Small photographs that come with the package itself: the others would be downloaded.
PHOTOGRAPHS = ("astronaut", "camera", "chelsea", "coffee", "rocket")

# Every checkpoint is asked twice: as it answers by itself, and made to look closely.
ABLATIONS = {
    name: [lineage for checkpoint in checkpoints for lineage in (checkpoint, f"{checkpoint}+look")]
    for name, checkpoints in {
        "ablation_stages": ["base", "base.csr", "base.vop", "base.csr.vop"],
        "ablation_mixed_rl": ["base.csr.vop", "base.mix"],
        "ablation_cold_start": ["base.csr.vop", "base.cold.csr.vop"],
        "ablation_sft": ["base", "base.sft", "base.csr.vop"],
    }.items()
}
# Opens everything that the report has, and notes of each result: its path, whether it has a caption, whether it shows.
EVERY_VIEW = """
while (app === undefined) await pause();  // React starts in its own time
for (const [path, result] of Object.entries(results)) {
  const content = result.mime_type.startsWith("image/") ? "img" : "html";
  app.showResultInfo(path);
  app.setView({content, contentPath: result.data_uri, resultPath: path});
  await pause();
  const views = [...document.querySelectorAll(content === "img" ? "#app img" : "#app iframe")];
  const shown = views.filter(view => view.src === result.data_uri);
  seen.push([path, result.caption.length > 0, shown.length > 0 && shown.every(view => view.naturalWidth !== 0)]);
}
for (const content of ["rulegraph", "stats"]) {
  app.setView({content});
  for (let turn = 0; turn < 20; turn++) await pause();
  seen.push([content, true, document.querySelectorAll("#app canvas, #app svg.marks").length > 0]);
}
"""
HOSTILE = "</script><script>nowhere()</script><img src=x onerror=nowhere()>"


def made(workflow, name):
    """A table of the scale by its name, which no two targets share."""
    (path,) = (workflow.root / "results/smoke").glob(f"*/{name}")
    return path


def test_the_tables_are_complete(finished):
    workflow = finished
    table = pd.read_csv(made(workflow, "main.csv")).set_index(["lineage", "column"])
    checkpoints = {"base", "base.csr", "base.csr.vop"}
    assert set(table.index.get_level_values("lineage")) == checkpoints | {f"{name}+look" for name in checkpoints}
    assert len(table) == 6 * 7  # six benchmarks and their mean
    assert table["score"].between(0, 100).all()
    assert (table["low"] <= table["high"]).all()
    assert table["published_3B"].isna().all()  # no published score beside a drawn benchmark's
    claims = pd.read_csv(made(workflow, "main_claims.csv")).set_index("claim")
    assert claims.loc["two_stage_beats_base", "verdict"] in {"supported", "not supported", "inconclusive"}
    assert list(claims.index[claims["primary"] == "yes"]) == ["two_stage_beats_base_both_looking"]
    assert claims["design"].str.endswith("items: over items only").all()  # one seed
    assert claims["reachable"].ge(0).all()
    timings = pd.read_csv(made(workflow, "timings.csv"))
    assert timings["step"].str.endswith("base.csr.vop/seed0/train").any()


def test_what_the_run_took_stands_beside_what_was_planned(finished):
    workflow = finished
    costs = pd.read_csv(made(workflow, "cost.csv")).set_index("step")
    ran = costs.drop(index=["all", "fetch_pretrained"])  # the copy has the stored models already
    assert (ran["jobs_taken"] == ran["jobs_planned"]).all()
    assert (ran["cpu_hours_taken"] > 0).all()
    assert costs.loc["all", "cpu_hours_planned"] > 0
    assert costs.loc["all", "longest_hours_taken"] < costs.loc["all", "cpu_hours_taken"]
    assert costs.loc["train", "disk_gb_taken"] > 0.005


def test_training_changed_the_weights(finished):
    workflow = finished
    models = [workflow.root / f"models/smoke/{lineage}/seed0/manifest.json" for lineage in ("base.csr", "base.csr.vop")]
    base = workflow.root / "models/micro/pretrained/vlm/manifest.json"
    assert len({path.read_text() for path in [*models, base]}) == 3


@pytest.mark.parametrize("name", ABLATIONS)
def test_every_ablation_has_its_tables(finished, name):
    workflow = finished
    for table in (name, f"{name}_subdomains"):
        rows = pd.read_csv(made(workflow, f"{table}.csv"))
        assert list(dict.fromkeys(rows["lineage"])) == ABLATIONS[name]
        assert set(rows["compared_with"].dropna()) == set(ABLATIONS[name][:2])
    claims = pd.read_csv(made(workflow, f"{name}_claims.csv"))
    assert len(claims)


def test_every_claim_is_judged(finished):
    workflow = finished
    claims = pd.read_csv(made(workflow, "claims.csv"))
    assert list(claims["claim"]) == [claim.name for claim in CLAIMS]
    assert claims["published"].notna().all()
    text = (made(workflow, "claims.md")).read_text()
    assert all(f"| {claim} |" in text for claim in claims["text"])


def test_attention_is_measured_on_pairs_that_nobody_trained_on(finished):
    workflow = finished
    pairs = pd.read_csv(made(workflow, "attention_pairs.csv"))
    assert set(pairs["lineage"]) == {"base", "base.csr", "base.csr.vop"}
    assert pairs.groupby("lineage")["id"].agg(frozenset).nunique() == 1
    data = workflow.root / "data/smoke/dataset/base/seed0"
    trained_on = [pd.read_parquet(data / name / "train.parquet")["id"] for name in ("csr", "vop")]
    assert not set(pairs["id"]) & set(pd.concat(trained_on))
    shares = pd.read_csv(made(workflow, "attention.csv"))
    assert shares["share"].between(0, 100).all()


def test_reward_curves_lay_the_phases_end_to_end(finished):
    workflow = finished
    curves = pd.read_csv(made(workflow, "ablation_cold_start_rewards.csv"))
    for lineage, part in curves.groupby("lineage"):
        assert list(part["step"]) == [1, 3, 5, 7]  # every other step is a second update on the same responses
        assert list(part["stage"]) == [lineage.removesuffix(".vop")] * 2 + [lineage] * 2


def test_a_second_run_has_nothing_to_do(finished):
    workflow = finished
    plan = workflow.snakemake("--dry-run", "--", "main")
    assert "Nothing to be done" in plan.stdout + plan.stderr


def test_a_variant_of_the_base_starts_nothing_else_anew(finished):
    trial = (
        "scales={smoke: {experiments: {trial: [base.vop, base~mine.vop]}, variants: {mine: {synthesis: "
        "{opinions: {captions: 3, least: 2}, vop_held_out: 0}}}}}"
    )
    plan = finished.snakemake(trial, "--dry-run", "--", "trial").stdout
    anew = {line.split()[1] for line in plan.splitlines() if line.strip().startswith("output:")}
    assert any("base~mine" in path for path in anew)
    assert {path for path in anew if "base~mine" not in path and "/trial/" not in path} == set()


def test_the_report_opens_without_errors_and_shows_everything(finished, visit):
    workflow = finished
    # As if a model had written markup: the page is made anew by the code that makes it in a run.
    words, shown = made(workflow, "words.csv"), workflow.root / "results/smoke/report/words.html"
    before = shown.read_text()
    hostile = pd.read_csv(words).head(1).assign(term=HOSTILE)
    hostile.to_csv(workflow.root / "words.csv", index=False)
    shown.write_text(page(workflow.root / "words.csv"))
    try:
        workflow.snakemake("--report", "results/smoke/report.html")
    finally:
        shown.write_text(before)
    errors, seen = visit(workflow.root / "results/smoke/report.html", EVERY_VIEW)
    assert not errors
    wrong = [path for path, has_caption, is_shown in seen if not (has_caption and is_shown)]
    assert not wrong
    names = {Path(path).name for path, _, _ in seen}
    figures = {"main.svg", "loop.png", "attention.svg", "wordcloud.svg", "ablation_cold_start_rewards.svg"}
    figures |= {"ablation_stages_subdomain-bars.svg", "ablation_mixed_rl_radar.svg", "ablation_mixed_rl_rewards.svg"}
    tables = {"claims.html", "words.html", "attention.html", "timings.html", *(f"{name}.html" for name in ABLATIONS)}
    assert names >= figures | tables | {"rulegraph", "stats"}


@pytest.mark.skipif(bool(shutil.which("sbatch")), reason="slurm/test_slurm.py compares with another run")
def test_the_same_seed_gives_the_same_bytes(finished, copy_repository, differing_files):
    second = copy_repository()
    second.snakemake("--", "main")
    assert not differing_files(second, finished)


@pytest.mark.long  # test_pilot.py begins with photographs, too
def test_photographs_become_a_trained_and_evaluated_checkpoint_by_a_parameter_alone(copy_repository):
    workflow = copy_repository()
    folder = workflow.root / "photographs"
    folder.mkdir()
    for name in PHOTOGRAPHS:
        for number, part in enumerate(_tiles(getattr(skimage.data, name)())):
            Image.fromarray(part).save(folder / f"{name}{number}.png")
    images = {"source": "folder", "paths": ["photographs/*.png"], "image_size": [64, 64], "number": 120}
    target = "results/smoke/predictions/test/base.csr/seed0/scores.json"
    workflow.snakemake(f"scales={json.dumps({'smoke': {'images': images}})}", "--", target)
    assert (workflow.root / target).exists()
    assert (workflow.root / "models/smoke/base.csr/seed0/manifest.json").exists()
    data = pd.read_parquet(workflow.root / "data/smoke/dataset/base/seed0/csr/train.parquet")
    assert len(data) > 0


def _tiles(image: np.ndarray) -> list[np.ndarray]:
    """Twenty-four photographs out of one, so that the few that are at hand make enough seeds."""
    return [tile for row in np.array_split(image, 4) for tile in np.array_split(row, 6, axis=1)]
