"""What docs/paper-scale.md says of OmniGen2's pipeline, and how it is called here, held to its own source.

The package is no part of diffusers and not installed; its source, at hand, is read by its syntax tree. Without it the
tests are skipped.
"""

import ast
import os
import re
from pathlib import Path

import pytest
import yaml

from viper.models import pipelines

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs" / "paper-scale.md").read_text(encoding="utf-8").partition("### OmniGen2")[2].partition("\n## ")[0]
PACKAGE = Path(os.environ.get("VIPER_OMNIGEN2") or ROOT / "cache" / "omnigen2")
EDITOR = yaml.safe_load(re.search(r"\n(    models:\n(?:    .*\n)+)", DOCS)[1])["models"]["editor"]
MODULE, _, CLASS = EDITOR["pipeline_class"].rpartition(".")
SOURCE = PACKAGE / f"{MODULE.replace('.', '/')}.py"
needs_source = pytest.mark.skipif(
    not SOURCE.is_file(),
    reason="OmniGen2's source is not at hand: git clone it, at the commit that docs/paper-scale.md names, to "
    "cache/omnigen2, or set VIPER_OMNIGEN2 to where it is",
)


@pytest.fixture(scope="module")
def call() -> ast.arguments:
    """The arguments of its `__call__`."""
    (pipeline,) = (
        node
        for node in ast.walk(ast.parse(SOURCE.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and node.name == CLASS
    )
    (found,) = (node for node in pipeline.body if isinstance(node, ast.FunctionDef) and node.name == "__call__")
    return found.args


def test_the_documented_block_names_a_pipeline_and_its_arguments():
    assert MODULE.split(".")[0] == "omnigen2"
    assert EDITOR["arguments"]["num_inference_steps"] == 50
    assert EDITOR["batch_size"] == 1, "of several pictures it does not keep the sizes"


@needs_source
def test_it_takes_what_it_is_called_with(call):
    """The documented arguments, the picture's, and those of every call: `_call` of viper.models.pipelines."""
    ours = ast.parse(Path(pipelines.__file__).read_text(encoding="utf-8"))
    (of_every,) = (
        {word.arg for word in node.keywords if word.arg}
        for node in ast.walk(ours)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "pipeline"
    )
    assert of_every == {"generator"}
    given = {"prompt", EDITOR["image_argument"], *EDITOR["arguments"], *of_every}
    assert given <= {argument.arg for argument in [*call.args, *call.kwonlyargs]}


@needs_source
def test_pictures_come_back_as_pictures(call):
    """`_call` reads `.images` of what is returned, and wants PIL's."""
    defaults = dict(zip([argument.arg for argument in call.args][-len(call.defaults) :], call.defaults, strict=True))
    assert ast.literal_eval(defaults["output_type"]) == "pil"
    assert ast.literal_eval(defaults["return_dict"]) is True
