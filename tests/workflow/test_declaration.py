"""What a job depends on: told in the same order by every process, and nothing of what only brings what is given."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from repository import STORED, copy
from viper.tools import planned_rules, plans_nothing

ROOT = Path(__file__).parents[2]

TOLD = """
from types import SimpleNamespace
from viper.config import load
from viper.workflow.declaration import _by_variant
scale = load("smoke")
for variant in scale.variants:
    sections = _by_variant(scale, sorted(scale.model_dump()))["sections"]
    print(variant, sections(SimpleNamespace(lineage=f"base~{variant}")))
"""


def test_sections_of_variants_have_one_order_whatever_the_hash_seed():
    """Another order would be taken for other parameters, and a training done anew."""
    told = {
        subprocess.run(
            [sys.executable, "-c", TOLD],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(told) == 1
    several = [line for line in next(iter(told)).splitlines() if line.count("variants.") > 1]
    assert several, "some variant changes several sections"


@pytest.mark.slow
def test_planning_imports_no_library_of_models_statistics_or_figures():
    """On a cluster every job starts Snakemake; with scipy.stats each start took a quarter longer."""
    command = [sys.executable, "-X", "importtime", "-m", "snakemake", "--dry-run", "--config", "scale=smoke"]
    result = subprocess.run([*command, "--", "images"], cwd=ROOT, check=True, capture_output=True, text=True)
    told = (line for line in result.stderr.splitlines() if line.startswith("import time:"))
    imported = {line.rpartition("|")[2].strip() for line in told}
    assert "viper.questions.painter_fidelity.plan" in imported
    assert imported.isdisjoint({"torch", "transformers", "datasets", "scipy", "sklearn", "matplotlib"})


@pytest.mark.slow
def test_an_edit_of_what_fetches_models_makes_nothing_anew(tmp_path):
    """The base models stand behind every training: what is fetched is the same whatever code fetched it."""
    workflow = copy(tmp_path / "checkout")
    workflow.snakemake("--", "images", f"{STORED}/vlm/manifest.json")
    for name in ("provenance/worktree.py", "provenance/stored.py", "listings.py"):
        workflow.edit(f"src/viper/{name}", "\nfrom ", "\nEDITED = True\nfrom ")
    planned = workflow.snakemake("--dry-run", "--", "images", f"{STORED}/vlm/manifest.json")
    assert plans_nothing(planned.stdout + planned.stderr)
    workflow.edit("src/viper/synthesis/world.py", "\nfrom ", "\nEDITED = True\nfrom ")
    planned = workflow.snakemake("--dry-run", "--", "images", f"{STORED}/vlm/manifest.json")
    assert set(planned_rules(planned.stdout)) == {"draw_images", "images"}
