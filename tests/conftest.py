"""What holds for all tests: quick ones first, no network, one thread per process."""

import os
from pathlib import Path

import pytest

try:
    from viper import checkout

    checkout.check(Path(__file__).parents[1])
except ImportError as error:
    raise pytest.UsageError(f"this environment is not the checkout's ({error}): run `make setup`") from None
except checkout.CheckoutError as error:
    raise pytest.UsageError(str(error)) from None

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist looks at the groups
def pytest_collection_modifyitems(items):
    """Whole workflows run last, so that a broken part is named by its own test first.

    With several workers (`--dist loadgroup`) the tests of one file stay together, and so do all files that share the
    one full run of the workflow; theirs is the longest way, so it begins first.
    """
    sharing = {item.path for item in items if "finished" in getattr(item, "fixturenames", ())}
    items.sort(key=lambda item: (any(map(item.get_closest_marker, ("slow", "long"))), item.path not in sharing))
    for item in items:
        item.add_marker(pytest.mark.xdist_group("finished" if item.path in sharing else str(item.path)))


@pytest.fixture
def visit(tmp_path):
    """Return `browser.visit` for this test; skips where there is no Chromium (Debian: apt-get install chromium)."""
    import browser

    if browser.CHROMIUM is None:
        pytest.skip("no chromium on this machine (Debian: apt-get install chromium): pages are not opened")

    def visit(page, steps=""):
        return browser.visit(page, tmp_path, steps)

    return visit
