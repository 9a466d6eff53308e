"""Which file each parameter stands in.

Parameters are one tree, {scale: NAME, scales: {params: …, NAME: …}}, in several files: params.yaml holds `scale` and,
beside it, what scales share, which is `scales.params` in the tree. scales/NAME.yaml holds `scales.NAME`, but for the
section `pretraining`, which fills scales/NAME-pretraining.yaml.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from viper.config.inheritance import EXTENDS, Place, dotted
from viper.config.yaml_file import read_yaml
from viper.errors import ViperError
from viper.layout import RECORDED

PARAMS = "params.yaml"
SCALE, SCALES = "scale", "scales"  # keys of the tree; the second is the folder's name, too
SHARED = "params"  # the neighbour that a scale takes params.yaml over from
APART = "pretraining"  # the section with a file of its own
NAME = r"[a-z0-9]{1,32}"  # of a scale


def in_file(place: Place) -> tuple[str, Place]:
    """The file that holds a place of the tree, beside params.yaml or itself, and the keys in that file."""
    if place[:1] != (SCALES,) or len(place) == 1:
        return PARAMS, place
    _, name, *keys = place
    if name == SHARED:
        return PARAMS, tuple(keys)
    if keys[:1] == [APART]:
        return f"{SCALES}/{name}-{APART}.yaml", tuple(keys[1:])
    return f"{SCALES}/{name}.yaml", tuple(keys)


def read_tree(path: str | Path = PARAMS) -> dict[str, Any]:
    """Read params.yaml and the files of the folder scales/ beside it; nothing is checked or taken over yet.

    Raises:
        ViperError: a file cannot be read (`viper.config.yaml_file.read_yaml`), there is no scale, or a scale's file has
            another name than a scale can have, or holds what stands in another file.
    """
    path = Path(path)
    shared = read_yaml(path)
    if EXTENDS in shared:
        raise ViperError(f"{path}: {EXTENDS} = {shared[EXTENDS]!r}: what all scales share extends nothing: remove it")
    if SCALES in shared:
        raise ViperError(f"{path}: {SCALES}: each scale stands in a file: move {SCALES}.NAME to {SCALES}/NAME.yaml")
    scales = {SHARED: shared} | dict(_scales(path.parent / SCALES))
    chosen = {SCALE: shared.pop(SCALE)} if SCALE in shared else {}
    return chosen | {SCALES: scales}


def _scales(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The name and the content of every scale."""
    files = sorted(file for file in folder.glob("*.y*ml") if not file.name.startswith("."))
    for file in files:
        if not re.fullmatch(rf"{NAME}(-{APART})?\.yaml", file.name) or file.stem in (SHARED, RECORDED):
            raise ViperError(
                f"{file}: is no scale's: call it NAME.yaml, NAME of small letters and digits, 32 at most, and not "
                f"'{SHARED}' or '{RECORDED}'; or NAME-{APART}.yaml"
            )
    names = [file.stem for file in files if "-" not in file.stem]
    if not names:
        raise ViperError(f"{folder}/NAME.yaml: there is no scale: run from the repository's root")
    apart = {file.stem.partition("-")[0]: file for file in files if "-" in file.stem}
    if alone := [str(file) for name, file in apart.items() if name not in names]:
        raise ViperError(f"{alone[0]}: belongs to no scale: rename it, or add {alone[0].replace(f'-{APART}', '')}")
    for name in names:
        file = folder / f"{name}.yaml"
        content = read_yaml(file)
        if APART in content:
            raise ViperError(f"{file}: {APART}: fills a file: move it to {folder}/{name}-{APART}.yaml")
        yield name, content | ({APART: read_yaml(apart[name])} if name in apart else {})


@dataclass(frozen=True)
class Sources:
    """Where parameters come from, for messages.

    Attributes:
        path: of params.yaml.
        written: the tree, as the files hold it.
        given: what a run sets besides, as trees, each with the name of its source; the last has the last word.
    """

    path: str
    written: Mapping[str, Any]
    given: tuple[tuple[str, Mapping[str, Any]], ...] = ()

    def spell(self, *places: Place) -> str:
        """The files in which places of the tree stand, nearest first, and the key of the first of them."""
        standing = [each for place in places for each in self._standing(place)]
        names, key = ", ".join(dict.fromkeys(name for name, _ in standing)), dotted(standing[0][1])
        return f"{names}: {key}" if key else names

    def _standing(self, place: Place) -> list[tuple[str, Place]]:
        found = []
        for name, tree in reversed(self.given):
            is_there, value = _at(tree, place)
            if is_there:
                found.append((name, place[2:] if place[:2] == (SCALES, SHARED) else place))
                if not isinstance(value, Mapping):
                    return found
        if place and not found and not _at(self.written, place[:-1])[0]:  # a key that lacks in a section of the run's
            return [(name, (*keys, place[-1])) for name, keys in self._standing(place[:-1])]
        if _at(self.written, place)[0] or not found:
            file, keys = in_file(place)
            found.append((self.path if file == PARAMS else str(Path(self.path).parent / file), keys))
        return found


def _at(tree: Any, place: Place) -> tuple[bool, Any]:
    """Whether something stands at a place, and what."""
    for part in place:
        is_item = isinstance(tree, list) and isinstance(part, int) and part < len(tree)
        if not is_item and not (isinstance(tree, Mapping) and part in tree):
            return False, None
        tree = tree[part]
    return True, tree
