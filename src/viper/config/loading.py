"""Reading parameters: `load` gives the section models of one scale, or one message that says what to mend.

Nothing here imports torch or a model library: a mistake in a file of parameters must show within a second.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial, reduce
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from viper.config.base import closest
from viper.config.explaining import explain
from viper.config.inheritance import EMPTY, EXTENDS, Place, dotted, merge, resolve, short, sources
from viper.config.places import PARAMS, SCALE, SCALES, SHARED, Sources, in_file, read_tree
from viper.config.schema import Params, Scale
from viper.config.yaml_file import parse_yaml, read_yaml
from viper.errors import ViperError
from viper.layout import Layout, apart

_LONGEST_END = 120  # characters that seeds add to the name of a folder


def load(scale: str | None = None, path: str | Path = PARAMS, overrides: Mapping[str, Any] | None = None) -> Scale:
    """Return the checked parameters of one scale.

    Args:
        scale: name of the scale; None takes the file's own `scale`.
        path: params.yaml, beside which the folder scales/ lies.
        overrides: dotted key within the scale → value, for example {"training.phases.csr.steps": 3}; set after
            `extends` is resolved, so that nothing follows it.

    Raises:
        ViperError: a file is missing or is no YAML, or a key or value is wrong: which one, and what to do.
    """
    written = read(path)
    origin = Sources(str(path), written)
    values = resolve(written, origin.spell)
    if scale is not None:
        values[SCALE] = scale
    for key, value in (overrides or {}).items():
        _set(values, [SCALES, str(values.get(SCALE)), *key.split(".")], value)
    params = _check(written, values, origin)
    return params.scales[params.scale]


def read(path: str | Path = PARAMS) -> dict[str, Any]:
    """Return what params.yaml and the files of scales/ hold as one tree, not checked yet: see `viper.config.places`."""
    return read_tree(path)


def read_run(assignments: Sequence[str] = (), files: Sequence[str | Path] = ()) -> Params:
    """Return the checked parameters of a run of Snakemake.

    Args:
        assignments: of --config, such as "scale=smoke" or "scales={micro: {seeds: [0]}}"; they have the last word.
        files: of --configfile, merged into params.yaml and scales/ in their order.

    Raises:
        ViperError: see `load`; which of the sources cannot be read.
    """
    of_files = [(str(file), read_yaml(file)) for file in files]
    return read_with(*of_files, *([("--config", changes(assignments))] if assignments else []))


def declared_seeds(scale: str, given: Mapping[str, Any] | None = None) -> list[int] | None:
    """The seeds that the files give a scale, whatever a run sets besides; None where they give none.

    Args:
        given: what a run sets (`changes`): a scale that the files do not have takes its seeds from what it extends.

    Raises:
        ViperError: see `read`.
    """
    written = read()
    if scale not in written[SCALES]:
        own = dict((given or {}).get(SCALES, {}).get(scale, {}))
        own.pop("seeds", None)
        written = merge(written, {SCALES: {scale: own}})
    return resolve(written, Sources(PARAMS, written).spell)[SCALES][scale].get("seeds")


def layout_of(params: Params, given: Mapping[str, Any] | None = None) -> Layout:
    """Where the files of a run lie: tables of other seeds than the scale's own lie apart, so that neither replaces
    the other.

    Args:
        given: what the run sets, see `changes`.

    Raises:
        ViperError: see `read`; or so many seeds that no folder can have their name.
    """
    if given is not None and given.keys() <= {SCALE}:  # every job starts so: the files need not be read again
        return Layout(params.scale)
    seeds = params.scales[params.scale].seeds
    end = apart(seeds, declared_seeds(params.scale, given) or seeds)
    if len(end) > _LONGEST_END:
        raise ViperError(
            f"--config: seeds: {len(seeds)} of them: the folders of their tables would have too long names. Write them "
            f"in {in_file((SCALES, params.scale))[0]}"
        )
    return Layout(params.scale, end)


def read_with(*given: tuple[str, Mapping[str, Any]]) -> Params:
    """Return the checked parameters with what a run sets besides.

    Args:
        given: pairs of a name for messages and what is set: scale, scales, and sections that scales share; the last
            has the last word.

    Raises:
        ViperError: see `load`.
    """
    written = read()
    trees = tuple((name, _as_tree(name, values)) for name, values in given)
    values = written
    for name, tree in trees:
        _check_filled(name, values, tree)
        values = merge(values, tree)
    origin = Sources(PARAMS, written, trees)
    found = resolve(values, origin.spell)
    _check_effect(trees, found)
    return _check(values, _others_as_written(found, written, trees), origin)


def _others_as_written(
    found: dict[str, Any], written: Mapping[str, Any], trees: Sequence[tuple[str, Mapping[str, Any]]]
) -> dict[str, Any]:
    """The tree in which scales that are not run, and that the run sets nothing of, are as their files have them, and as
    it sets for all.

    One that extends the scale at hand would follow its changes, and may not be possible with them.
    """
    scales, own = found.get(SCALES), written.get(SCALES)
    if not isinstance(scales, Mapping) or not isinstance(own, Mapping):
        return found
    given = [tree.get(SCALES) for _, tree in trees]
    meant = {_chosen(found), SHARED}.union(*(named for named in given if isinstance(named, Mapping)))
    if not (others := own.keys() - meant):
        return found
    shared = [{SCALES: {SHARED: named[SHARED]}} for named in given if isinstance(named, Mapping) and SHARED in named]
    before = resolve(reduce(merge, shared, written))[SCALES]
    return {**found, SCALES: {name: before[name] if name in others else scale for name, scale in scales.items()}}


def _chosen(values: Mapping[str, Any]) -> str | None:
    """The name of the scale that is run; None where what stands there can be none, which is told when it is checked."""
    return name if isinstance(name := values.get(SCALE), str) else None


def _check_effect(trees: Sequence[tuple[str, Mapping[str, Any]]], values: Mapping[str, Any]) -> None:
    """Whether what a run sets for all scales reaches the one that it runs.

    Args:
        trees: what the run sets, see `read_with`.
        values: the whole tree, once every `extends` is resolved.

    Raises:
        ViperError: the scale has a value of its own there, which no value for all scales replaces.
    """
    scale, shared = _chosen(values), {}
    for _, tree in trees:
        scales = tree.get(SCALES)
        shared = merge(shared, scales.get(SHARED, {}) if isinstance(scales, Mapping) else {})
    for place, value in _leaves(shared):
        found = values.get(SCALES, {}).get(scale)
        for key in place:
            found = found.get(key) if isinstance(found, Mapping) else None
        if found != value and EXTENDS not in place:
            names = ", ".join(name for name, _ in trees)
            raise ViperError(
                f"{names}: {dotted(place)} = {short(value)}: has no effect, since the scale {scale} has a value of its "
                f"own: write it below {SCALES}: {{{scale}: …}}"
            )


def _leaves(values: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    if not isinstance(values, Mapping):
        yield place, values
        return
    for key, value in values.items():
        yield from _leaves(value, (*place, key))


def _as_tree(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """What a run sets, in the form of the tree of parameters.

    Raises:
        ViperError: a key is none of params.yaml.
    """
    known = (SCALE, SCALES, *Scale.model_fields)
    for key in given:
        if key not in known:
            close = closest(key, known)
            remedy = f"did you mean {close!r}?" if close else f"known here: {', '.join(known)}"
            raise ViperError(f"{name}: {key} = {short(given[key])}: unknown key; {remedy}")
    scales = given.get(SCALES, {})
    if isinstance(scales, Mapping) and SHARED in scales:
        raise ViperError(f"{name}: {SCALES}.{SHARED}: is no scale; for all scales, write its keys beside {SCALES}")
    shared = {key: value for key, value in given.items() if key not in (SCALE, SCALES)}
    if not shared or not isinstance(scales, Mapping):
        return dict(given)
    return {key: given[key] for key in (SCALE,) if key in given} | {SCALES: {**scales, SHARED: shared}}


def changes(assignments: Sequence[str] = (), files: Sequence[str | Path] = ()) -> dict[str, Any]:
    """What a run of Snakemake sets besides, not checked yet; the arguments are those of `read_run`."""
    values: dict[str, Any] = {}
    for each in (*map(read_yaml, files), *map(assigned, assignments)):
        values = merge(values, each)
    return values


def assigned(assignment: str) -> dict[str, Any]:
    """What one KEY=VALUE of --config sets; VALUE is YAML.

    Raises:
        ViperError: it is no assignment, or its value is no YAML.
    """
    key, is_there, text = assignment.partition("=")
    if not key or not is_there:
        raise ViperError(f"--config {assignment}: write KEY=VALUE, for example scale=smoke")
    if key == "__use_yte__":
        raise ViperError("--config __use_yte__ is refused: parameters are data, no expressions; leave it out")
    return {key: parse_yaml(text, f"--config {key}")}


def _check_filled(name: str, values: Any, changes: Any, place: Place = ()) -> None:
    """Whether every section of `changes` below a scale changes something.

    Raises:
        ViperError: one is empty, over a section that is not.
    """
    if not isinstance(values, Mapping) or not isinstance(changes, Mapping):
        return
    if len(place) > 2 and values and not changes:
        raise ViperError(f"{name}: {dotted(place[2:] if place[1] == SHARED else place)} = {{}}: {EMPTY}")
    for key, change in changes.items():
        _check_filled(name, values.get(key), change, (*place, key))


def validate(values: Mapping[str, Any], origin: Sources | None = None) -> Params:
    """Check a tree of parameters, once every `extends` in it is resolved.

    Args:
        values: see `read`.
        origin: where it comes from; None: from params.yaml and scales/.

    Raises:
        ViperError: one line per mistake: the file, the key, the value, the remedy. A mistake that others take over by
            `extends` is named once, where it is written.
    """
    origin = origin or Sources(PARAMS, values)
    return _check(values, resolve(values, origin.spell), origin)


def _check(written: Mapping[str, Any], values: dict[str, Any], origin: Sources) -> Params:
    """Check what became of `written`; what scales share has its place in them by now, and is no scale."""
    scales = values.get(SCALES)
    if isinstance(scales, Mapping):
        values = {**values, SCALES: {name: scale for name, scale in scales.items() if name != SHARED}}
    try:
        return Params.model_validate(values)
    except ValidationError as error:
        lines = explain(error, values, Params, partial(sources, written, values), origin.spell)
        raise ViperError("\n".join(lines)) from error


def _set(values: dict[str, Any], keys: list[str], value: Any) -> None:
    for depth, key in enumerate(keys[:-1]):
        if not isinstance(values.get(key), dict):
            raise ViperError(f"override {'.'.join(keys)}: there is no section {'.'.join(keys[: depth + 1])}")
        values = values[key]
    values[keys[-1]] = value
