"""What a run that begins now would make again, because of which change, and how long that takes.

Snakemake says of each job what differs from its last run; parameters it notes by their values alone. Here these are
read back: a parameter with its value before and now, a file of the source code, a prompt.
"""

import ast
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import pandas as pd

from viper.config.schema import Scale
from viper.cost import table
from viper.cost.rates import Rates
from viper.workflow.graph import Job
from viper.workflow.source import edited, is_fingerprint

COLUMNS = ["step", "jobs", "gpu_hours", "cpu_hours", "longest_hours", "basis", "because"]
_FEW = 3  # of several causes of one kind, or of several files
_ABSENT = "nothing"
_PROMPTS = "viper/prompts"


def by_step(due: Sequence[tuple[Job, Mapping[str, Any]]], scale: Scale, rates: Rates) -> pd.DataFrame:
    """One row per step that would run, in the order of the run, and a last one for all: COLUMNS.

    Args:
        due: the jobs with their reasons, as `viper.workflow.graph.due` returns them.
    """
    jobs = [job for job, _ in due]
    rows = table.by_step(jobs, table.plan(jobs, scale, rates))
    makers = {path: job.rule for job in jobs for path in job.outputs}
    said: dict[str, dict[str, None]] = {}
    for job, reason in due:
        said.setdefault(job.rule, {}).update(dict.fromkeys(causes(job, reason, makers)))
    return rows.assign(because=[_shortened([*said.get(step, {})]) for step in rows["step"]])[COLUMNS]


def shown(rows: pd.DataFrame) -> str:
    """The table of `by_step` as a person reads it: times in seconds, minutes or hours, causes to the left."""
    hours = [name for name in rows if name.endswith("_hours")]
    width = rows["because"].str.len().max()
    times = {name: rows[name].map(duration) for name in hours}
    printed = rows.assign(**times, because=rows["because"].str.ljust(width))
    names = {name: name.removesuffix("_hours") for name in hours} | {"because": "because".ljust(width)}
    return "\n".join(line.rstrip() for line in printed.rename(columns=names).to_string(index=False).splitlines())


def duration(hours: float) -> str:
    """Hours in the unit that a person would say: '0', '12 s', '5 min', '2.5 h', '120 h'."""
    if hours * 3600 < 0.5:
        return "0"
    if hours * 60 < 1.5:
        return f"{hours * 3600:.0f} s"
    if hours < 1.5:
        return f"{hours * 60:.0f} min"
    return f"{hours:.1f} h" if hours < 10 else f"{hours:,.0f} h"


def causes(job: Job, reason: Mapping[str, Any], makers: Mapping[str, str]) -> list[str]:
    """Why one job runs, each cause in a few words; what other jobs make first counts where nothing else does.

    Args:
        reason: see `viper.workflow.insides.reason`.
        makers: path → rule of the jobs that run.
    """
    own = [
        *(["missing"] if reason["missing"] else []),
        *(["broken off"] if reason["again"] else []),
        *(f"input {path}" for path in _few(reason["inputs"])),
        *(["other input files"] if reason["inputs_set"] else []),
        *_changed(*reason["params"], job.params),
        *(["command line of the rule"] if reason["shell"] else []),
        *(["software environment"] if reason["environment"] else []),
    ]
    first = dict.fromkeys(makers.get(path, path) for path in reason["made"])
    return own or [f"after {rule}" for rule in first]


def _changed(before: Iterable[str], now: Iterable[str], params: Mapping[str, Any]) -> list[str]:
    """What differs between two sets of parameters, of which Snakemake noted the values as Python writes them."""
    old, new = ([_value(text) for text in values] for values in (before, now))
    codes = [[value for value in values if _is_code(value)] for values in (old, new)]
    options = [[value for value in values if _options(value) is not None] for values in (old, new)]
    others = [value for value in new if not _is_code(value) and _options(value) is None]
    said = []
    if all(options):
        said += [
            f"{key} {_word(first)} → {_word(second)}"
            for key, first, second in _differences(_options(options[0][0]), _options(options[1][0]))
        ]
    if all(codes):
        said += [_named(name) for each in codes[0] for name in edited(each, codes[1][0])]  # several of several files
    elif codes[1]:
        said.append("code, since when is not recorded")
    known = [name for name, value in params.items() if value in others and name != "sections"]
    said += [f"parameter {name} of the rule" for name in known]
    return said or ["parameters of the rule"] * bool(old or new)


def _value(text: str) -> Any:
    """A parameter from the text by which Snakemake noted it; the text itself where that is no literal."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _is_code(value: Any) -> bool:
    return isinstance(value, str) and is_fingerprint(value)


def _options(value: Any) -> dict | None:
    """The sections in an option of a command; None where a value is something else."""
    try:
        found = json.loads(value)
    except (TypeError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _differences(before: Any, now: Any, key: str = "") -> list[tuple[str, Any, Any]]:
    """The dotted keys at which two nested mappings differ, with both values; None where there is none."""
    if not isinstance(before, dict) or not isinstance(now, dict):
        return [] if before == now else [(key, before, now)]
    names = dict.fromkeys([*before, *now])
    return [
        found
        for name in names
        for found in _differences(before.get(name), now.get(name), f"{key}.{name}" if key else str(name))
    ]


def _word(value: Any) -> str:
    text = _ABSENT if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else f"{text[:39]}…"


def _named(name: str) -> str:
    """A piece of a fingerprint in words."""
    path = PurePosixPath(name)
    if path.is_relative_to(_PROMPTS) and path.suffix == ".jinja":
        return f"prompt {path.relative_to(_PROMPTS).with_suffix('')}"
    return f"code {name}" if path.suffix else f"code of the command {name}"


def _few(words: Sequence[str]) -> list[str]:
    more = [f"{len(words) - _FEW} more"] if len(words) > _FEW else []
    return [*words[:_FEW], *more]


def _shortened(causes: Sequence[str]) -> str:
    """The causes of one step, each once; of a kind with many only the first."""
    kinds: dict[str, list[str]] = {}
    for cause in causes:
        kinds.setdefault(cause.split(" ", 1)[0], []).append(cause)
    own = {kind for kind in kinds if kind != "after"}
    shown = [_few(kinds[kind]) for kind in kinds if kind in own or not own]
    return "; ".join(cause for each in shown for cause in each)
