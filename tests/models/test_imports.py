"""The modules of models import each other in one direction only."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import viper.models

FOLDER = Path(viper.models.__file__).parent


def imported(path):
    """Modules of the folder that one of them imports, be it inside a function or for annotations."""
    nodes = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.ImportFrom)]
    return {node.module.removeprefix("viper.models.") for node in nodes if node.module.startswith("viper.models.")}


def test_no_module_is_imported_by_what_it_imports():
    graph = {path.stem: imported(path) for path in FOLDER.glob("*.py")}
    order = list(TopologicalSorter(graph).static_order())  # raises CycleError, which names the circle
    assert order.index("vlm") > max(order.index("vllm"), order.index("transformers_vlm"))
