"""The picture of the house, docs/house.svg, drawn from what the modules below src/ import.

`make house` draws it anew; tests/test_house.py holds it to the code.
"""

import ast
import textwrap
from collections.abc import Iterable, Iterator
from functools import cache
from html import escape
from pathlib import Path
from typing import NamedTuple

import networkx as nx

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "house.svg"
PACKAGES = ("viper", "microworld")
# Modules beside the folders that stand on these; all others there are the ground of their package.
ABOVE = {"viper.__main__": "viper/cli", "viper.cli": "viper/cli", "microworld.audit": "microworld/audit"}
WIDTH, HEIGHT = 210, 66  # of a box, in pixels
ASIDE, BELOW, MARGIN = 30, 56, 20  # between boxes, and around the picture
STYLE = (
    "line{stroke:#789;stroke-width:1.3}.door{stroke:#07a;stroke-dasharray:5 4}.back{stroke:#c22;stroke-width:2}"
    ".microworld{fill:#e6f2ec;stroke:#345}.viper{fill:#eef2f8;stroke:#345}"
)
HEAD = (
    '<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
    '<path d="M0 0L8 4L0 8z" fill="#567"/></marker>'
)


class Import(NamedTuple):
    """One module imports another, both by their dotted names."""

    importer: str
    imported: str

    @property
    def is_door(self) -> bool:
        """Whether it is a door: the one place of an area from where the drawn world is reached."""
        return self.importer.startswith("viper.") and self.importer.endswith(".world") and _is_drawn(self.imported)


def _is_drawn(name: str) -> bool:
    """Whether a module or a room is one of the drawn world's."""
    return name.startswith("microworld")


def modules() -> dict[str, Path]:
    """Every module of the packages, by its dotted name."""
    found = {}
    for path in sorted(path for package in PACKAGES for path in (ROOT / "src" / package).rglob("*.py")):
        parts = path.relative_to(ROOT / "src").with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports() -> Iterator[Import]:
    """Every import of one of the packages' modules by another, also inside of functions and for types alone."""
    known = modules()
    for importer, path in known.items():
        for node in ast.walk(_parsed(path)):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            for name in names:
                imported = name if name in known else name.rpartition(".")[0]
                if imported in known:
                    yield Import(importer, imported)


def room(module: str) -> str:
    """The folder of a module, as a path below src/; of a module that stands beside the folders, see ABOVE."""
    package, *rest = module.split(".")
    is_folder = rest and (ROOT / "src" / package / rest[0]).is_dir()
    return ABOVE.get(module, f"{package}/{rest[0]}" if is_folder else package)


def arrows() -> dict[tuple[str, str], list[Import]]:
    """Room and room that it imports from → the imports, without the doors to the drawn world."""
    found: dict[tuple[str, str], list[Import]] = {}
    for each in imports():
        pair = (room(each.importer), room(each.imported))
        if pair[0] != pair[1] and not each.is_door:
            found.setdefault(pair, []).append(each)
    return found


def doors() -> set[tuple[str, str]]:
    """Room with a door, and room of the drawn world behind it."""
    return {(room(each.importer), room(each.imported)) for each in imports() if each.is_door}


def back_arrows() -> dict[tuple[str, str], list[Import]]:
    """The fewest arrows without which there is no circle, found one by one: of a circle, the one of fewest imports."""
    every = arrows()
    graph, found = nx.DiGraph(sorted(every)), {}
    while not nx.is_directed_acyclic_graph(graph):
        worst = min((pair for pair in nx.find_cycle(graph)), key=lambda pair: (len(every[pair]), pair))
        found[worst] = every[worst]
        graph.remove_edge(*worst)
    return found


def purpose(name: str) -> str:
    """What a room is for: the first sentence of its docstring."""
    known = modules()
    text = ast.get_docstring(_parsed(known[name.replace("/", ".")])) or ""
    return text.partition("\n")[0]


def draw() -> str:
    """The picture as SVG: each room stands above those that it imports from.

    An arrow is left out where a way of other arrows says the same. Dashed are the doors to the drawn world, red the
    arrows that point back. That viper/commands.py collects each area's commands by name is no import, and not shown.
    """
    back = set(back_arrows())
    graph = nx.DiGraph(sorted(set(arrows()) - back))
    kept = nx.transitive_reduction(graph)
    places = _places(kept)
    lines = [*((pair, "arrow") for pair in sorted(kept.edges)), *((pair, "door") for pair in sorted(doors()))]
    lines += [(pair, "back") for pair in sorted(back)]
    width = max(x for x, _ in places.values()) + WIDTH + MARGIN
    height = max(y for _, y in places.values()) + HEIGHT + MARGIN
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif">',
            f"<style>{STYLE}</style><defs>{HEAD}</defs>",
            f'<rect width="{width}" height="{height}" fill="#fff"/>',
            *(_line(places[start], places[end], kind) for (start, end), kind in lines),
            *(_box(name, *places[name]) for name in sorted(places)),
            "</svg>\n",
        ]
    )


def _places(graph: nx.DiGraph) -> dict[str, tuple[int, int]]:
    """The upper left corner of every room's box: in rows by what it needs, and in a row near to its neighbours."""
    rows = [sorted(row) for row in nx.topological_generations(graph.reverse())][::-1]
    middle: dict[str, float] = {}
    for is_drawn in (False, True):  # the drawn world stands to the right of the rest
        parts = [[name for name in row if _is_drawn(name) == is_drawn] for row in rows]
        left, widest = max(middle.values(), default=-1) + 1, max(map(len, parts))
        for turn in range(20):  # down and up in turns, as long as it takes to settle
            for row in parts if turn % 2 else parts[::-1]:
                row.sort(key=lambda name: (_mean(middle, graph.pred[name], graph.succ[name]), name))
                middle |= {name: left + (widest - len(row)) / 2 + number for number, name in enumerate(row)}
    return {
        name: (MARGIN + round(middle[name] * (WIDTH + ASIDE)), MARGIN + number * (HEIGHT + BELOW))
        for number, row in enumerate(rows)
        for name in row
    }


def _mean(middle: dict[str, float], *neighbours: Iterable[str]) -> float:
    known = [middle[name] for names in neighbours for name in names if name in middle]
    return sum(known) / max(1, len(known))


def _line(start: tuple[int, int], end: tuple[int, int], kind: str) -> str:
    """From the edge of one box to the edge of another that faces it."""
    (x1, y1), (x2, y2) = start, end
    if y1 == y2:
        x1, x2, y1, y2 = (x1 + WIDTH, x2, y1 + HEIGHT // 2, y2 + HEIGHT // 2) if x1 < x2 else (x1, x2 + WIDTH, y1, y2)
    else:
        x1, x2 = x1 + WIDTH // 2, x2 + WIDTH // 2
        y1, y2 = (y1 + HEIGHT, y2) if y1 < y2 else (y1, y2 + HEIGHT)
    return f'<line class="{kind}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" marker-end="url(#head)"/>'


def _box(name: str, x: int, y: int) -> str:
    words = textwrap.wrap(purpose(name), 38, max_lines=3, placeholder=" …")
    label = name if "/" in name else f"{name}/*.py"
    texts = [f'<text x="{x + 8}" y="{y + 17}" font-size="13" font-weight="bold">{escape(label)}</text>']
    for row, text in enumerate(words):
        texts.append(f'<text x="{x + 8}" y="{y + 32 + 12 * row}" font-size="10">{escape(text)}</text>')
    package = name.partition("/")[0]
    return f'<rect class="{package}" x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="5"/>' + "".join(texts)


if __name__ == "__main__":
    PICTURE.write_text(draw(), encoding="utf-8")
