"""Which source files a command depends on, and one fingerprint of them: an edit of code re-runs exactly what uses it.

Snakemake sees a rule's text and parameters, not the Python modules behind `python -m viper COMMAND`. Every rule
therefore carries the fingerprint of its command as a parameter (rules/provenance.smk). It is read from syntax trees:
comments, docstrings and layout do not count, so that rewording a comment retrains nothing.
"""

import ast
import hashlib
import inspect
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from viper.errors import ViperError
from viper.models.folder import OWN_COMPONENTS

PACKAGE = Path(__file__).parents[1]
# Imports that no syntax tree shows: a pipeline's own classes are named in its model_index.json.
_LOADED_BY_NAME = {
    "models/pipelines.py": sorted(OWN_COMPONENTS),
}
# What no result depends on: messages to the user, how long starting took, and who is kept out meanwhile.
_WITHOUT_EFFECT = {"errors.py", "locking.py", "startup.py", "system.py"}
_COMMAND = re.compile(r"(?:-m viper|\{params\.launch:q\}) (\S+)")
_PARAMETER = re.compile(r"\{params\.(\w+):q\}")


def command_of(shell: str | None, params: Mapping[str, Any]) -> str | None:
    """The viper command that a rule's shell text calls; None where it calls another program, or nothing.

    Args:
        shell: with Snakemake's placeholders.
        params: the rule's parameters: one of them may hold the command and its first arguments.
    """
    found = _COMMAND.search(shell or "")
    if not found:
        return None
    placeholder = _PARAMETER.fullmatch(found.group(1))
    return params[placeholder.group(1)][0] if placeholder else found.group(1)


@cache
def sources(command: str) -> tuple[Path, ...]:
    """Every file of the package that `python -m viper COMMAND` uses: modules, and data files such as prompts.

    Followed are the imports of the command's function, of the helpers beside it, and of every module they lead to. What
    a package's `__init__` imports for others' convenience counts only where the package itself is imported.

    Raises:
        ViperError: there is no such command.
    """
    module, functions = _functions(command)
    return tuple(sorted({module, *_closure(_imported(functions))}))


def fingerprint(command: str) -> str:
    """Sixteen hexadecimal digits that change when the code or data behind a command does.

    Raises:
        ViperError: there is no such command.
    """
    module, functions = _functions(command)
    digest = hashlib.sha256("".join(ast.dump(_without_docstrings(function)) for function in functions).encode())
    for path in sources(command):
        if path != module:
            digest.update(_digest(path))
    return digest.hexdigest()[:16]


@cache
def _commands() -> dict[str, object]:
    from viper.cli import build

    return {
        command.name or command.callback.__name__.replace("_", "-"): command.callback
        for command in build().registered_commands
    }


@cache
def _functions(command: str) -> tuple[Path, list[ast.AST]]:
    """The module that defines a command, and what of it runs: its function, the helpers and constants it names."""
    callback = _commands().get(command)
    if callback is None:
        raise ViperError(f"python -m viper has no command '{command}': see python -m viper --help")
    path = Path(inspect.getsourcefile(callback))
    (main,) = ast.parse(textwrap.dedent(inspect.getsource(callback))).body
    beside = {name: node for node in _tree(path).body for name in _defined(node)}
    imports = [node for node in _tree(path).body if isinstance(node, ast.Import | ast.ImportFrom)]
    functions, waiting = [], [main]
    while waiting:
        functions.append(waiting.pop())
        waiting += [beside[name] for name in _names(functions[-1]) if name in beside and beside[name] not in functions]
    used = {name for function in functions for name in _names(function)}
    for node in imports:  # the module's own imports, as far as these functions use them
        aliases = [alias for alias in node.names if (alias.asname or alias.name.split(".")[0]) in used]
        if aliases:
            module = [node.module] if isinstance(node, ast.ImportFrom) else []
            functions.append(type(node)(*module, names=aliases, **({"level": 0} if module else {})))
    return path, functions


def _defined(node: ast.stmt) -> list[str]:
    """The names that a statement of a module defines: functions and constants, but no annotations of command lines."""
    if isinstance(node, ast.FunctionDef):
        return [node.name]
    if isinstance(node, ast.Assign) and "Annotated" not in _names(node.value):
        return [target.id for target in node.targets if isinstance(target, ast.Name)]
    return []


def _names(function: ast.AST) -> list[str]:
    return list(dict.fromkeys(node.id for node in ast.walk(function) if isinstance(node, ast.Name)))


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _imported(nodes: Iterable[ast.AST]) -> Iterator[Path]:
    """The package's modules that some statement below `nodes` imports."""
    for node in (inner for outer in nodes for inner in ast.walk(outer)):
        if isinstance(node, ast.Import):
            yield from (path for alias in node.names if (path := _module(alias.name)))
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                if path := _module(f"{node.module}.{alias.name}") or _module(node.module):
                    yield path


def _module(name: str) -> Path | None:
    """The file of a module of this package; None for modules of others, and for names that are no module."""
    first, *parts = name.split(".")
    if first != PACKAGE.name:
        return None
    path = PACKAGE.joinpath(*parts)
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def _closure(start: Iterable[Path]) -> set[Path]:
    found, waiting = set(), list(start)
    while waiting:
        path = waiting.pop()
        if path not in found and path.relative_to(PACKAGE).as_posix() not in _WITHOUT_EFFECT:
            found.add(path)
            waiting += _used_by(path)
    return found


@cache
def _used_by(path: Path) -> list[Path]:
    """The modules and data files that a module names itself."""
    if path.suffix != ".py":
        return []
    named = _LOADED_BY_NAME.get(path.relative_to(PACKAGE).as_posix(), ())
    return [*_imported([_tree(path)]), *filter(None, map(_module, named)), *_data_files(path)]


def _data_files(module: Path) -> list[Path]:
    """Data files beside a module that its text names; those that no module names belong to the package's `__init__`."""
    beside = [
        path
        for path in module.parent.rglob("*")
        if path.is_file() and path.suffix not in {".py", ".pyc"} and "__pycache__" not in path.parts
    ]
    text = module.read_text(encoding="utf-8") if beside else ""
    if module.name == "__init__.py":
        modules = [path.read_text(encoding="utf-8") for path in module.parent.glob("*.py")]
        return [path for path in beside if path.name in text or not any(path.name in other for other in modules)]
    return [path for path in beside if path.name in text]


@cache
def _digest(path: Path) -> bytes:
    content = path.read_bytes()
    if path.suffix == ".py":
        content = ast.dump(_without_docstrings(_tree(path))).encode()
    return hashlib.sha256(path.relative_to(PACKAGE).as_posix().encode() + content).digest()


def _without_docstrings(tree: ast.AST) -> ast.AST:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            value = body[0].value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                value.value = ""
    return tree
