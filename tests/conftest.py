"""What holds for all tests: quick ones first, no network, one thread per process."""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def pytest_collection_modifyitems(items):
    """Whole workflows run last, so that a broken part is named by its own test first."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is not None)
