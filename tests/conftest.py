"""What holds for all tests: quick ones first, no network, one thread per process."""

import os
from pathlib import Path

import hypothesis
import pytest

try:
    from viper import checkout, processor

    checkout.check(Path(__file__).parents[1])
except ImportError as error:
    raise pytest.UsageError(f"this environment is not the checkout's ({error}): run `make setup`") from None
except checkout.CheckoutError as error:
    raise pytest.UsageError(str(error)) from None

# A slow machine fails no test.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
processor.keep_to_avx2()  # tests calculate as commands do


# Files whose tests share one full run of the workflow (the fixture `finished`), which takes minutes.
SHARING = (
    "tests/workflow/slurm/test_slurm.py",
    "tests/workflow/test_smoke.py",
    "tests/workflow/test_questions.py",
)
# … or one record of rules that cost nothing (`toy_recorded`).
SHARING_TOYS = (
    "tests/provenance/test_repro.py",
    "tests/provenance/test_why.py",
    "tests/provenance/test_worktree.py",
)
# Files that take longest, the longest first, and begun first, so that no worker is left alone with one.
LONGEST = (
    *SHARING,
    "tests/provenance/test_recorded_run.py",
    "tests/rehearsal/test_rehearsal.py",
    *SHARING_TOYS,
    "tests/workflow/slurm/test_nodes.py",
    "tests/workflow/test_graph.py",
    "tests/workflow/test_parameters.py",
    "tests/workflow/test_preflight.py",
    "tests/workflow/test_pilot.py",
    "tests/training/test_processes.py",
    "tests/workflow/test_prompts.py",
    "tests/provenance/test_dvc_yaml.py",
)


def file_of(nodeid):
    """The file of a test, relative to the repository."""
    return nodeid.partition("::")[0]


def pytest_collection_modifyitems(items):
    """Whole workflows run last, so that a broken part is named by its own test first; the longest of them begin."""

    def turn(item):
        file = file_of(item.nodeid)
        is_slow = any(map(item.get_closest_marker, ("slow", "long")))
        return is_slow, LONGEST.index(file) if file in LONGEST else len(LONGEST)

    items.sort(key=turn)


def pytest_xdist_make_scheduler(config, log):
    """One worker gets the tests of a file together, or of all files that share a run."""
    from xdist.scheduler import LoadScopeScheduling

    class ByRun(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            file = file_of(nodeid)
            return next((sharing[0] for sharing in (SHARING, SHARING_TOYS) if file in sharing), file)

    return ByRun(config, log)


@pytest.fixture
def visit(tmp_path):
    """Return `browser.visit` for this test; skips where there is no Chromium (Debian: apt-get install chromium)."""
    import browser

    if browser.CHROMIUM is None:
        pytest.skip("no chromium on this machine (Debian: apt-get install chromium): pages are not opened")

    def visit(page, steps=""):
        return browser.visit(page, tmp_path, steps)

    return visit
