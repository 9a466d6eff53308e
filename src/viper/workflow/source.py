"""Which source files a command depends on, and one fingerprint of them: an edit of code re-runs exactly what uses it.

Snakemake sees a rule's text and parameters, not the Python modules behind `python -m viper COMMAND`. Every rule
therefore carries the fingerprint of its command as a parameter (rules/provenance.smk). It is read from syntax trees:
comments, docstrings and layout do not count, so that rewording a comment retrains nothing.

Modules count whole, but for the doors to the drawn world, of which each function counts by itself. What is read beside
them counts where it is read: a prompt at the calls of `viper.prompts.render` that the command can reach, another data
file at the function that names it.
"""

import ast
import hashlib
import inspect
import json
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from viper import prompts
from viper.errors import ViperError
from viper.models.world import COMPONENTS
from viper.workflow.reach import Code, Definition
from viper.workflow.rendered import renderings

SOURCE = Path(__file__).parents[2]
PACKAGES = ("viper", "microworld")
# What no syntax tree shows: a pipeline's own classes are named in its model_index.json; what is measured against size
# is a process of its own.
_LOADED_BY_NAME = {
    "viper/models/pipelines.py": sorted(COMPONENTS),
    "viper/bench/size.py": ("viper.bench.synthesis",),
}
# What no result depends on: checks and messages to the user, how long starting took, and who is kept out meanwhile. The
# schema of a whole scale only checks options, whose values are parameters of the rule.
_WITHOUT_EFFECT = {
    f"viper/{name}.py"
    for name in (
        "checkout", "cluster/ending", "config/explaining", "config/options", "config/schema", "digests", "errors",
        "locking", "processes", "startup", "system", "terminal",
    )
}  # fmt: skip
_DOOR = "world.py"  # in each area: every function of it leads to another part of the drawn world
_COMMAND = re.compile(r"(?:-m viper|\{params\.launch:q\}) (\S+)")
_NAMED = ast.FunctionDef | ast.ClassDef  # code that runs only where it is named
_PARAMETER = re.compile(r"\{params\.(\w+):q\}")
_DIGITS = 10
_PIECE = re.compile(rf"[^\s:]+:[0-9a-f]{{{_DIGITS}}}")


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


def prompt_sets(params: Mapping[str, Any]) -> frozenset[str] | None:
    """The prompt sets that the options of a rule name, each as `prompts`; None where they name none."""
    found: set[str] = set()
    for value in params.values():
        with suppress(TypeError, ValueError):  # not every parameter is a text, nor every text JSON
            found.update(_named_sets(json.loads(value)))
    return frozenset(found) or None


def _named_sets(options: Any) -> list[str]:
    if not isinstance(options, dict):
        return []
    below = [name for value in options.values() for name in _named_sets(value)]
    return below + [value for key, value in options.items() if key == "prompts" and isinstance(value, str)]


@cache
def sources(command: str, sets: frozenset[str] | None = None) -> tuple[Path, ...]:
    """Every file of the packages that `python -m viper COMMAND` uses: modules, data files, prompts.

    Followed are the imports of the command's function, of the helpers beside it, and of every module they lead to. What
    a package's `__init__` imports for others' convenience counts only where the package itself is imported.

    Args:
        sets: the prompt sets that its options name; None: it may be any.

    Raises:
        ViperError: there is no such command.
    """
    module, functions = _functions(command)
    reached = _CODE.reached([(module, function) for function in functions], _brought_along)
    entered = [node for path, node in reached if path.name == _DOOR]
    modules = _closure(_imported([*functions, *entered]))
    data = {path for each in modules for path in _data_files(each) if _is_named(path, each, reached)}
    return tuple(sorted({module, *modules, *data, *_prompts(modules, reached, sets)}))


def fingerprint(command: str, sets: frozenset[str] | None = None) -> str:
    """What stands for the code and data behind a command: a short digest of each of its files, 'NAME:DIGEST …'.

    The command's own function, and the helpers beside it, count as 'COMMAND:DIGEST'. By the names one can tell later
    what of it was edited (`edited`).

    Args:
        sets: the prompt sets that its options name; None: it may be any.

    Raises:
        ViperError: there is no such command.
    """
    module, functions = _functions(command)
    own = "".join(ast.dump(_without_docstrings(function)) for function in functions)
    digests = {command: hashlib.sha256(own.encode()).digest()}
    digests |= {_name(path): _digest(path) for path in sources(command, sets) if path != module}
    return " ".join(f"{name}:{digest.hex()[:_DIGITS]}" for name, digest in digests.items())


def edited(before: str, now: str) -> list[str]:
    """The names at which two fingerprints of a command differ: files below src/, and the command itself."""
    first, second = (dict(piece.rsplit(":", 1) for piece in text.split()) for text in (before, now))
    return [name for name in first | second if first.get(name) != second.get(name)]


def is_fingerprint(text: str) -> bool:
    """Whether a text has the form of a fingerprint."""
    return bool(text) and all(_PIECE.fullmatch(piece) for piece in text.split(" "))


def _name(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def _brought_along(path: Path) -> list[Definition]:
    """The classes that a module loads by name."""
    everything = [each for module in _loaded_by_name(path) for each in _CODE.everything(module)]
    return [(module, node) for module, node in everything if isinstance(node, ast.ClassDef)]


def _prompts(modules: set[Path], reached: set[Definition], sets: frozenset[str] | None) -> set[Path]:
    """The prompts that are rendered, each by its file: those that a call names, of the sets that may be meant."""
    renders = _module("viper.prompts")
    if renders not in modules:
        return set()
    at_import = {(path, node) for path in modules for node in _tree(path).body if not isinstance(node, _NAMED)}
    return {
        file
        for path, node in reached | at_import
        if path != renders
        for prompt_set, name in renderings(_CODE, path, node, renders)
        for file in prompts.files({prompt_set} if prompt_set else sets, name)
    }


def _is_named(data: Path, module: Path, reached: set[Definition]) -> bool:
    """Whether a command may read a data file: not where only functions of its module name it that it never reaches."""
    naming = [node for node in _tree(module).body if any(data.name in text for text in _texts(node))]
    return not naming or any((module, node) in reached or not isinstance(node, _NAMED) for node in naming)


@cache
def _texts(node: ast.AST) -> list[str]:
    """The literal texts of some code, without docstrings."""
    return [
        child.value
        for inner in ast.walk(node)
        if not isinstance(inner, ast.Expr)
        for child in ast.iter_child_nodes(inner)
        if isinstance(child, ast.Constant) and isinstance(child.value, str)
    ]


@cache
def _commands() -> dict[str, object]:
    from viper.commands import build

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
    """The packages' modules that some statement below `nodes` imports."""
    for node in (inner for outer in nodes for inner in ast.walk(outer)):
        if isinstance(node, ast.Import):
            yield from (path for alias in node.names if (path := _module(alias.name)))
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                if path := _module(f"{node.module}.{alias.name}") or _module(node.module):
                    yield path


def _module(name: str) -> Path | None:
    """The file of a module of these packages; None for modules of others, and for names that are no module."""
    parts = name.split(".")
    if parts[0] not in PACKAGES:
        return None
    path = SOURCE.joinpath(*parts)
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def _closure(start: Iterable[Path]) -> set[Path]:
    found, waiting = set(), list(start)
    while waiting:
        path = waiting.pop()
        if path not in found and _has_effect(path):
            found.add(path)
            waiting += _used_by(path)
    return found


def _has_effect(path: Path) -> bool:
    return path.relative_to(SOURCE).as_posix() not in _WITHOUT_EFFECT


@cache
def _used_by(path: Path) -> list[Path]:
    """The modules that a module names itself; of a door, those outside of its functions."""
    nodes = [node for node in _tree(path).body if path.name != _DOOR or not isinstance(node, ast.FunctionDef)]
    return [*_imported(nodes), *_loaded_by_name(path)]


def _loaded_by_name(path: Path) -> list[Path]:
    names = next((names for name, names in _LOADED_BY_NAME.items() if path == SOURCE / name), ())
    return list(filter(None, map(_module, names)))


@cache
def _data_files(module: Path) -> list[Path]:
    """Data files beside a module that its text names; those that no module names belong to the package's `__init__`."""
    beside = [
        path
        for path in module.parent.rglob("*")
        if path.is_file()
        and path.suffix not in {".py", ".pyc"}
        and "__pycache__" not in path.parts
        and not path.is_relative_to(prompts.FOLDER)
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
    return hashlib.sha256(path.relative_to(SOURCE).as_posix().encode() + content).digest()


def _without_docstrings(tree: ast.AST) -> ast.AST:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            value = body[0].value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                value.value = ""
    return tree


# Looked up anew at each call: tests put another package in place of this one.
_CODE = Code(lambda path: _tree(path), lambda name: path if (path := _module(name)) and _has_effect(path) else None)
