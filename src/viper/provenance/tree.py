"""`python -m viper provenance FILE`: what a file is made of, back to seeds and base models.

Hashes are those of the files that are here, each beside what dvc.lock records of it.
"""

import json
from collections import Counter, defaultdict
from pathlib import Path, PurePosixPath
from typing import Any

import yaml
from rich.console import Console
from rich.tree import Tree

from viper import digests
from viper.checkout import relative
from viper.errors import ViperError
from viper.layout import DATA, MODELS, RECORDED, RESULTS, is_of_target, seeds_apart
from viper.provenance.rebuild import FETCHING
from viper.provenance.sidecar import md5, read_sidecar
from viper.recorded import Lock, read_lock
from viper.workflow.graph import Graph, Job, read

_WIDTH = 400  # columns: hashes are for copying, so lines are not cut


def scale_of(path: str | Path) -> str:
    """The scale that a file belongs to: the folder below data, models or results.

    Raises:
        ViperError: the path lies nowhere that rules write to.
    """
    parts = PurePosixPath(path).parts
    if len(parts) < 3 or parts[0] not in (DATA, MODELS, RESULTS) or parts[1] == RECORDED:
        raise ViperError(f"{path}: no rule makes it: name a file below data/SCALE, models/SCALE or results/SCALE")
    return parts[1]


def show(path: Path) -> None:
    """Print the record of `path` and the tree of what it was made from.

    Raises:
        ViperError: no rule makes it, it lies elsewhere, or dvc.lock is broken.
    """
    name = relative(path)
    if Path(name).is_dir():
        raise ViperError(f"{name}: a folder: name one of its files")
    scale, lock = scale_of(name), read_lock()
    graph = read([name], scale, more=seeds_of(name, scale))
    console = Console(width=_WIDTH, soft_wrap=True, highlight=False, markup=False)
    for line in describe(name):
        console.print(line)
    console.print(tree(name, graph, lock))


def seeds_of(name: str, scale: str) -> list[str]:
    """What Snakemake is told of seeds, where a file is a table or figure of others than the scale's own."""
    seeds = seeds_apart(PurePosixPath(name).parts[2]) if is_of_target(name) else ()
    return [f"scales={json.dumps({scale: {'seeds': list(seeds)}})}"] if seeds else []


def describe(name: str) -> list[str]:
    """What the sidecar of a file says about the run that made it, line by line."""
    record = read_sidecar(name)
    if record is None:
        return [f"{name}: no record beside it (only tables and figures have one, once they are made)"]
    run: dict[str, Any] = record["run"]
    commit = f"{run['commit']}{' with uncommitted changes' if run['dirty'] else ''}" if run["commit"] else "no commit"
    machine = run["machine"]
    lines = [
        f"made      {run['finished']} in {run['seconds']} s, from {commit}",
        f"machine   {machine['system']}, {machine['cores']} cores, Python {run['python']}",
        f"packages  {', '.join(f'{package} {version}' for package, version in run['packages'].items())}",
        f"seeds     {', '.join(map(str, run['seeds'])) or 'none'}",
        f"command   {' '.join(record['made_from']['command'])}",
        f"id        {record['id']}",
    ]
    if Path(name).is_file() and md5(name) != record["md5"]:
        lines.append(f"CHANGED   the file is no longer the one of this record (MD5 {record['md5']})")
    return lines


def tree(name: str, graph: Graph, lock: Lock) -> Tree:
    """The jobs behind a file; those of one rule that write into one folder are one node, and each is shown once."""
    maker = graph.maker()
    if name not in maker:
        raise ViperError(f"{name}: no rule makes it: `snakemake --summary` lists what there is")
    shown: set[frozenset[Job]] = set()

    def node(group: frozenset[Job], files: list[str]) -> Tree:
        branch = Tree(_label(group, files, lock))
        if group in shown:
            if any(job.inputs for job in group):
                branch.add("… as above")
            return branch
        shown.add(group)
        parts: dict[tuple[str, str], list[str]] = defaultdict(list)
        for path in dict.fromkeys(path for job in group for path in job.inputs):
            parts[maker[path].rule if path in maker else "", str(PurePosixPath(path).parent)].append(path)
        for (rule, _), paths in parts.items():
            if rule:
                branch.add(node(frozenset(maker[path] for path in paths), paths))
            else:
                branch.add(f"{_place(paths)}  ({_given(paths)})")
        return branch

    return node(frozenset([maker[name]]), [name])


def _label(group: frozenset[Job], files: list[str], lock: Lock) -> str:
    rule = next(iter(group)).rule
    if len(files) == 1:
        state = _state(files[0], lock, rule in FETCHING)
    else:
        kinds = Counter(_kind(*_hashes(path, lock), rule in FETCHING) for path in files)
        state = ", ".join(f"{count} {kind}" if len(kinds) > 1 else f"all {kind}" for kind, count in kinds.items())
    return f"{_place(files)}  ({rule}; {state})"


def _state(path: str, lock: Lock, is_fetched: bool) -> str:
    """What is known of one file: the MD5 of the bytes that are here, and whether they are the recorded ones."""
    here, recorded = _hashes(path, lock)
    kind = _kind(here, recorded, is_fetched)
    hashes = [f"MD5 {here}"] if here else []
    if recorded not in (None, here, _UNKNOWN):
        hashes.append(f"dvc.lock records {recorded}")
    return "; ".join([f"{hashes[0]}, {kind}", *hashes[1:]] if here else [kind, *hashes])


_UNKNOWN = ""  # recorded as one of a folder's files, while the list of that folder is not here


def _hashes(path: str, lock: Lock) -> tuple[str | None, str | None]:
    """The MD5 of a file as it is here, and as dvc.lock records it; None where it is not."""
    here = md5(path) if Path(path).is_file() else None
    entry = lock.covering(path)
    if entry is None:
        return here, None
    return here, entry.md5 if entry.path == path else (digests.recorded_md5(path) or _UNKNOWN)


def _kind(here: str | None, recorded: str | None, is_fetched: bool) -> str:
    if here is None:
        return "not here" if recorded is not None or is_fetched else "not here, not recorded"
    if is_fetched:
        return "fetched"
    if recorded is None:
        return "not recorded"
    if recorded == _UNKNOWN:
        return "recorded in a folder whose list of files is not here"
    return "as recorded" if here == recorded else "other than recorded"


def _given(files: list[str]) -> str:
    """What is known of files that no rule makes: of stored models the hash by which DVC tracks them."""
    stored = [file for file in files if file.endswith(".dvc") and Path(file).is_file()]
    hashes = [out["md5"] for file in stored for out in yaml.safe_load(Path(file).read_text(encoding="utf-8"))["outs"]]
    return f"given; MD5 {', '.join(hashes)}" if hashes else "given"


def _place(files: list[str]) -> str:
    return files[0] if len(files) == 1 else f"{PurePosixPath(files[0]).parent}/ ({len(files)} files)"
