"""`python -m viper provenance FILE`: what a file is made of, back to seeds and base models."""

from collections import defaultdict
from pathlib import Path, PurePosixPath
from typing import Any

import yaml
from rich.console import Console
from rich.tree import Tree

from viper.checkout import relative
from viper.errors import ViperError
from viper.provenance.graph import Graph, Job, read
from viper.provenance.lock import Lock, read_lock
from viper.provenance.rebuild import FETCHING
from viper.provenance.sidecar import md5, read_sidecar

_WIDTH = 400  # columns: hashes are for copying, so lines are not cut


def scale_of(path: str | Path) -> str:
    """The scale that a file belongs to: the folder below data, models or results.

    Raises:
        ViperError: the path lies nowhere that rules write to.
    """
    parts = PurePosixPath(path).parts
    if len(parts) < 3 or parts[0] not in {"data", "models", "results"}:
        raise ViperError(f"{path}: no rule makes it: name a file below data/SCALE, models/SCALE or results/SCALE")
    return parts[1]


def show(path: Path) -> None:
    """Print the record of `path` and the tree of what it was made from.

    Raises:
        ViperError: no rule makes it, or it lies elsewhere.
    """
    name = relative(path)
    graph = read([name], scale_of(name))
    console = Console(width=_WIDTH, soft_wrap=True, highlight=False, markup=False)
    for line in describe(name):
        console.print(line)
    console.print(tree(name, graph, read_lock()))


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
        f"run seeds {', '.join(map(str, run['run_seeds'])) or 'none'}",
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
    entries = {entry for path in files if (entry := lock.covering(path))}
    hashes = f"MD5 {next(iter(entries)).md5}" if len(entries) == 1 else f"{len(entries)} recorded files"
    rule = next(iter(group)).rule
    unknown = "fetched" if rule in FETCHING else "not recorded"
    return f"{_place(files)}  ({rule}; {hashes if entries else unknown})"


def _given(files: list[str]) -> str:
    """What is known of files that no rule makes: of stored models the hash by which DVC tracks them."""
    stored = [file for file in files if file.endswith(".dvc") and Path(file).is_file()]
    hashes = [out["md5"] for file in stored for out in yaml.safe_load(Path(file).read_text(encoding="utf-8"))["outs"]]
    return f"given; MD5 {', '.join(hashes)}" if hashes else "given"


def _place(files: list[str]) -> str:
    return files[0] if len(files) == 1 else f"{PurePosixPath(files[0]).parent}/ ({len(files)} files)"
