"""What of the package's code a piece of it can reach: definition by definition, by the names that it uses.

A definition is a function, a class or a constant of a module. It reaches what its names stand for, in its module or
imported into it; of a class that is reached, everything counts, and of a module that is handed on as a whole, too.
"""

import ast
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

Definition = tuple[Path, ast.AST]
_BLOCKS = (ast.If, ast.Try, ast.With)


@dataclass(frozen=True)
class Code:
    """How to look at a package.

    Attributes:
        tree: a module's file → its syntax tree, the same object each time.
        module: a dotted name → the file of that module; None where it is no module of the package.
    """

    tree: Callable[[Path], ast.Module]
    module: Callable[[str], Path | None]

    def reached(self, start: Iterable[Definition], also: Callable[[Path], Iterable[Definition]]) -> set[Definition]:
        """`start`, and every definition that it leads to.

        Args:
            also: what using a module's definitions brings along that no name shows.
        """
        found, waiting, entered = set(), list(start), set()
        while waiting:
            path, node = waiting.pop()
            if (path, node) in found:
                continue
            found.add((path, node))
            waiting += [definition for _, definitions in _references(self, path, node) for definition in definitions]
            if path not in entered:
                entered.add(path)
                waiting += also(path)
        return found

    def references(self, path: Path, node: ast.AST) -> tuple[tuple[ast.AST, tuple[Definition, ...]], ...]:
        """Each name below `node` that stands for definitions of the package, with these."""
        return _references(self, path, node)

    def definitions(self, path: Path) -> dict[str, list[ast.AST]]:
        """Name → the statements of a module that define it."""
        return _definitions(self.tree(path))

    def everything(self, path: Path) -> list[Definition]:
        """All definitions of a module."""
        return [(path, node) for nodes in self.definitions(path).values() for node in nodes]

    def find(self, path: Path, name: str, seen: frozenset[Path] = frozenset()) -> list[Definition]:
        """What a name of a module stands for: its own definitions, or what it imports under that name."""
        if path in seen:
            return []
        own = [(path, node) for node in self.definitions(path).get(name, [])]
        imported = _outer(self.tree(path)).get(name, [])
        return own + [found for target in imported for found in self._imported(target, seen | {path})]

    def _imported(self, target: tuple[str, str | None], seen: frozenset[Path] = frozenset()) -> list[Definition]:
        module, name = target
        if name is not None and not self.module(f"{module}.{name}"):
            return self.find(place, name, seen) if (place := self.module(module)) else []
        whole = self.module(f"{module}.{name}" if name else module)
        return self.everything(whole) if whole else []

    def module_behind(self, target: tuple[str, str | None]) -> Path | None:
        """The file of the module that an import binds a name to; None where it binds something of a module."""
        module, name = target
        return self.module(f"{module}.{name}" if name else module)


@cache
def _references(code: Code, path: Path, node: ast.AST) -> tuple[tuple[ast.AST, tuple[Definition, ...]], ...]:
    inner = list(ast.walk(node))
    local = _imports(inner)
    outer = _outer(code.tree(path))
    qualified = {id(each.value): each for each in inner if isinstance(each, ast.Attribute)}
    found = []
    for each in inner:
        if not isinstance(each, ast.Name):
            continue
        targets = local.get(each.id) or outer.get(each.id, [])
        named = [] if each.id in local else [(path, one) for one in code.definitions(path).get(each.id, [])]
        place: ast.AST = each
        for target in targets:
            module, attribute = code.module_behind(target), qualified.get(id(each))
            if module and attribute:
                place = attribute
                named += code.find(module, attribute.attr) or code.everything(module)
            else:
                named += code._imported(target)
        if named:
            found.append((place, tuple(named)))
    return tuple(found)


@cache
def _outer(tree: ast.Module) -> dict[str, list[tuple[str, str | None]]]:
    """What the names stand for that a module imports outside of its functions."""
    return _imports(_statements(tree))


@cache
def _definitions(tree: ast.Module) -> dict[str, list[ast.AST]]:
    found: dict[str, list[ast.AST]] = {}
    for node in _statements(tree):
        for name in _defined(node):
            found.setdefault(name, []).append(node)
    return found


def _defined(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.For | ast.With):
        return [each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)]
    return []


def _statements(tree: ast.Module) -> Iterator[ast.stmt]:
    """The statements of a module, also those below an `if` or a `try`."""
    waiting = list(reversed(tree.body))
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, _BLOCKS):
            waiting += [each for each in ast.iter_child_nodes(node) if isinstance(each, ast.stmt)]


def _imports(nodes: Iterable[ast.AST]) -> dict[str, list[tuple[str, str | None]]]:
    """Name → what import statements bind it to: a module and, unless it is that itself, a name in it."""
    found: dict[str, list[tuple[str, str | None]]] = {}
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                found.setdefault(alias.asname or alias.name, []).append((node.module, alias.name))
        elif isinstance(node, ast.Import):
            for alias in node.names:
                found.setdefault(alias.asname or alias.name.partition(".")[0], []).append((alias.name, None))
    return found
