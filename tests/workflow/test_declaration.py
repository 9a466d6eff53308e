"""What a job depends on is told in the same order by every process."""

import os
import subprocess
import sys
from pathlib import Path

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
