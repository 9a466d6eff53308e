"""VLMEvalKit without decord, as on platforms that it has no wheels for."""

import subprocess
import sys

import pytest

CODE = """
import sys
from importlib.machinery import PathFinder
from importlib.util import find_spec

found = PathFinder.find_spec
PathFinder.find_spec = lambda name, path=None, target=None: None if name == "decord" else found(name, path, target)
assert find_spec("decord") is None

from viper.evaluation.vlmevalkit import source_url
print(source_url("MMStar"))
assert "decord" not in sys.modules
assert find_spec("decord") is None
"""


@pytest.mark.slow
def test_every_benchmark_is_there_without_decord():
    result = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "MMStar.tsv" in result.stdout
