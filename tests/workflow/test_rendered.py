"""Which prompts code asks with, however it says so; and that the steps of the loop ask with no others."""

import ast
import textwrap

import pytest

from viper import prompts
from viper.workflow import source
from viper.workflow.reach import Code
from viper.workflow.rendered import renderings


@pytest.fixture
def package(tmp_path):
    """Return a function that writes a package and says what its function `main.run` renders."""

    def rendered(**modules):
        (tmp_path / "prompts.py").write_text("def render(set, name, **fields):\n    pass\n")
        for name, text in modules.items():
            (tmp_path / f"{name}.py").write_text(textwrap.dedent(text))
        trees = {path: ast.parse(path.read_text()) for path in tmp_path.glob("*.py")}
        place = {f"p.{path.stem}": path for path in trees}
        code, main = Code(trees.get, place.get), tmp_path / "main.py"
        start = [(main, node) for node in code.definitions(main)["run"]]
        found = code.reached(start, lambda path: ())
        return {
            said
            for path, node in found
            if path != tmp_path / "prompts.py"
            for said in renderings(code, path, node, tmp_path / "prompts.py")
        }

    return rendered


FORMS = {
    "a call in words": ("from p.prompts import render\ndef run(o): render(o.prompts, 'caption')", {(None, "caption")}),
    "another name": ("from p.prompts import render as r\ndef run(): r('micro', 'vop')", {("micro", "vop")}),
    "the module": ("from p import prompts\ndef run(): prompts.render('cards', 'dataset')", {("cards", "dataset")}),
    "imported inside": (
        "def run(o):\n    from p.prompts import render\n    return [render(o, 'csr') for _ in 'ab']",
        {(None, "csr")},
    ),
    "a constant": (
        "from p.prompts import render\nSET = 'micro'\ndef run(): render(SET, 'refine')",
        {("micro", "refine")},
    ),
    "a name that is computed": ("from p.prompts import render\ndef run(n): render('micro', n)", {("micro", None)}),
    "handed on": ("from p.prompts import render\ndef run(): return map(render, 'ab', 'cd')", {(None, None)}),
    "through a helper": (
        "from p.prompts import render\ndef run(): _ask()\ndef _ask(): render('micro', 'csr')\n"
        "def other(): render('micro', 'vop')",
        {("micro", "csr")},
    ),
    "through a table": (
        "from p.prompts import render\ndef a(): render('x', 'a')\ndef b(): render('x', 'b')\nTASKS = {'a': a, 'b': b}\n"
        "def run(n): TASKS[n]()",
        {("x", "a"), ("x", "b")},
    ),
    "a method": (
        "from p.prompts import render\nclass Asker:\n    def ask(self): render('x', 'a')\ndef run(): Asker().ask()",
        {("x", "a")},
    ),
    "nothing": ("from p.prompts import render\ndef run(): pass\ndef other(): render('x', 'a')", set()),
    "under an if": (
        "if True:\n    from p.prompts import render\n    def ask(): render('x', 'a')\ndef run(): ask()",
        {("x", "a")},
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_what_is_rendered_is_read_from_the_calls(package, form):
    text, expected = FORMS[form]
    assert package(main=text) == expected


@pytest.mark.parametrize(
    "main",
    [
        "from p.steps import ask\ndef run(): ask()",
        "from p import steps\ndef run(): steps.ask()",
        "from p import steps\ndef run(): return [step() for step in vars(steps)]",  # the module is handed on: all of it
        "from p.through import ask\ndef run(): ask()",
        "def run():\n    from p.steps import ask as please\n    please()",
    ],
)
def test_calls_in_other_modules_count_where_they_are_reached(package, main):
    steps = "from p.prompts import render\nfrom p.constants import SET\ndef ask(): render(SET, 'caption')\n"
    found = package(main=main, steps=steps, constants="SET = 'micro'", through="from p.steps import ask")
    assert found == {("micro", "caption")}


def test_a_module_that_refers_to_itself_in_a_circle_ends(package):
    assert package(main="from p.other import x\ndef run(): x()", other="from p.main import x\ndef y(): y()") == set()


@pytest.mark.parametrize(
    ("params", "sets"),
    [
        ({"options": '{"prompts": "micro", "caption": {}}'}, {"micro"}),
        ({"a": '{"x": {"prompts": "paper"}}', "b": '{"prompts": "micro"}'}, {"micro", "paper"}),
        ({"options": "{broken", "shards": 2, "folder": "{wildcards.seed}", "function": len, "list": "[1]"}, None),
        ({"options": '{"prompts": null}'}, None),
        ({}, None),
    ],
)
def test_prompt_sets_are_read_from_the_options_of_a_rule(params, sets):
    assert source.prompt_sets(params) == sets


STEPS = {
    "caption-images": {"caption"},
    "reconstruct-images": set(),
    "critique-captions": {"critique", "caption"},
    "refine-captions": {"refine", "entities", "caption"},
    "plan-operations": set(),
    "edit-images": set(),
    "assemble-datasets": {"csr", "vop"},
    "cold-samples": {"csr", "vop"},
    "train": set(),
    "evaluate": set(),
    "measure-attention": set(),
    "audit-synthesis": set(),
}


@pytest.mark.parametrize("command", STEPS)
@pytest.mark.parametrize("name", ["micro", "paper"])
def test_a_step_depends_on_the_prompts_that_it_asks_with_in_its_set(command, name):
    used = {path for path in source.sources(command, frozenset({name})) if path.suffix == ".jinja"}
    assert used == {prompts.FOLDER / name / f"{prompt}.jinja" for prompt in STEPS[command]}


def test_the_card_is_what_describes_the_data_sets_alone():
    users = {
        command
        for command in source._commands()
        if prompts.FOLDER / "cards/dataset.jinja" in source.sources(command, frozenset({"micro"}))
    }
    assert users == {"write-card"}


def test_every_prompt_is_used_by_some_step():
    used = {path for command in source._commands() for path in source.sources(command)}
    assert set(prompts.FOLDER.glob("*/*.jinja")) <= used


def test_what_a_prompt_includes_belongs_to_it(tmp_path, monkeypatch):
    (tmp_path / "micro").mkdir()
    (tmp_path / "shared").mkdir()
    (tmp_path / "micro/caption.jinja").write_text("{% include 'shared/tone.jinja' %}Describe.")
    (tmp_path / "shared/tone.jinja").write_text("{% extends 'shared/base.jinja' %}")
    (tmp_path / "shared/base.jinja").write_text("Be brief. ")
    monkeypatch.setattr(prompts, "FOLDER", tmp_path)
    prompts._environment.cache_clear()
    prompts._included.cache_clear()
    try:
        names = {path.relative_to(tmp_path).as_posix() for path in prompts.files({"micro"}, "caption")}
    finally:
        prompts._environment.cache_clear()
        prompts._included.cache_clear()
    assert names == {"micro/caption.jinja", "shared/tone.jinja", "shared/base.jinja"}
