"""Which prompts some code renders, read from its calls: `render(options.prompts, "caption")`."""

import ast
from functools import cache
from pathlib import Path

from viper.workflow.reach import Code

Rendering = tuple[str | None, str | None]  # set and name of a prompt; None for what the call does not say in words


@cache
def renderings(code: Code, path: Path, node: ast.AST, prompts: Path) -> frozenset[Rendering]:
    """What a definition of a module renders itself. Where `render` is handed on instead of called, it may be anything.

    Args:
        path, node: the module and the definition.
        prompts: the module that defines `render`.
    """
    names = [
        name
        for name, meant in code.references(path, node)
        if any(place == prompts and getattr(one, "name", None) == "render" for place, one in meant)
    ]
    calls = {id(each.func): each for each in ast.walk(node) if isinstance(each, ast.Call)} if names else {}
    return frozenset(_said(code, path, calls.get(id(name))) for name in names)


def _said(code: Code, path: Path, call: ast.Call | None) -> Rendering:
    if call is None or len(call.args) < 2:
        return None, None
    return _text(code, path, call.args[0]), _text(code, path, call.args[1])


def _text(code: Code, path: Path, node: ast.expr) -> str | None:
    """The text of a literal, or of the constant that a name stands for."""
    if isinstance(node, ast.Constant):
        return node.value
    values = [one.value for _, meant in code.references(path, node) for _, one in meant if isinstance(one, ast.Assign)]
    return values[0].value if len(values) == 1 and isinstance(values[0], ast.Constant) else None
