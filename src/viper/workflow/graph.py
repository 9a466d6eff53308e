"""The Snakemake graph as plain data: jobs with their files, and the targets that name groups of them."""

import json
import logging
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from viper.errors import ViperError
from viper.workflow import insides
from viper.workflow.source import command_of


@dataclass(frozen=True)
class Job:
    """One job: a rule with its wildcards filled in. Two are the same if they make the same of the same.

    Attributes:
        rule: the rule's name, which is the step that it belongs to.
        file: the rule file that defines it, relative to the repository.
        inputs, outputs: paths relative to the repository.
        sections: the sections of the scale that the rule names; None where it names none.
        wildcards: which of the rule's jobs it is.
        params: the rule's parameters by name.
        command: the viper command that it runs; None where it runs none.
        benchmark: file in which Snakemake notes what the job took; None for a rule that only collects.
        threads, gpus: what it asks for.
        minutes: its time limit at the first attempt; None where the rule sets none.
    """

    rule: str
    file: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    sections: tuple[str, ...] | None = field(compare=False, default=None)
    wildcards: dict[str, str] = field(compare=False, default_factory=dict)
    params: dict[str, Any] = field(compare=False, default_factory=dict)
    command: str | None = field(compare=False, default=None)
    benchmark: str | None = field(compare=False, default=None)
    threads: int = field(compare=False, default=1)
    gpus: int = field(compare=False, default=0)
    minutes: float | None = field(compare=False, default=None)


@dataclass(frozen=True)
class Graph:
    """The jobs of a scale that make something; the files that each target stands for, and what its docstring says."""

    jobs: tuple[Job, ...]
    targets: dict[str, tuple[str, ...]]
    docs: dict[str, str] = field(default_factory=dict)

    def maker(self) -> dict[str, Job]:
        """Path → the job that makes it."""
        return {path: job for job in self.jobs for path in job.outputs}

    def jobs_of(self, target: str) -> tuple[Job, ...]:
        """The jobs that making a target needs: the name of a rule, or a file; in the order of `jobs`."""
        wanted = self.closure(self.targets.get(target, (target,)))
        return tuple(job for job in self.jobs if job in wanted)

    def closure(self, paths: Iterable[str]) -> set[Job]:
        """Every job that making `paths` needs."""
        maker, found, waiting = self.maker(), set(), list(paths)
        while waiting:
            job = maker.get(waiting.pop())
            if job and job not in found:
                found.add(job)
                waiting += job.inputs
        return found


def read(targets: Sequence[str], scale: str | None, root: Path = Path(), more: Sequence[str] = ()) -> Graph:
    """Ask Snakemake for the graph below some targets; nothing runs.

    Args:
        targets: names of rules without wildcards, or files.
        scale: as in params.yaml; None: the one that it names.
        root: the repository; the process must import `viper` from there.
        more: further `key=value` of Snakemake's --config.

    Raises:
        ViperError: Snakemake refuses, for example because there is no such target.
    """
    with planned(targets, scale, root, more) as workflow:
        jobs = [_job(job, root) for job in insides.jobs(workflow)]
        named = {rule.name: rule for rule in workflow.rules if rule.name in targets}
    return Graph(
        tuple(sorted((job for job in jobs if job.outputs), key=lambda job: job.outputs)),
        {name: _target(jobs, name) for name in targets if name in named},
        {name: rule.docstring or "" for name, rule in named.items()},
    )


def due(
    targets: Sequence[str], scale: str | None, root: Path = Path(), more: Sequence[str] = ()
) -> list[tuple[Job, dict[str, Any]]]:
    """The jobs that making some targets would run now, each with its reason (`insides.reason`); nothing runs.

    Args, Raises: see `read`.
    """
    with planned(targets, scale, root, more, anew=False) as workflow:
        found = [(_job(job, root), insides.reason(workflow, job)) for job in insides.waiting_jobs(workflow)]
    return sorted(((job, why) for job, why in found if job.outputs), key=lambda pair: pair[0].outputs)


@contextmanager
def planned(
    targets: Sequence[str], scale: str | None, root: Path, more: Sequence[str], *, anew: bool = True
) -> Iterator[Any]:
    """Snakemake's workflow with the graph below some targets; see `read` and `insides.plan`."""
    from snakemake.api import SnakemakeApi
    from snakemake.exceptions import MissingRuleException, RuleException, WorkflowError, format_error
    from snakemake.settings.enums import Quietness
    from snakemake.settings.types import ConfigSettings, OutputSettings, ResourceSettings, WorkflowSettings
    from snakemake_interface_executor_plugins.settings import ExecMode

    if not all(targets):
        raise ViperError("an empty target: name a rule or a file; `snakemake --list-target-rules` lists the rules")
    if not (root / "Snakefile").is_file():
        raise ViperError("no Snakefile here: run from the repository's root")
    root, asked = root.resolve(), ", ".join(targets)
    logging.getLogger("snakemake.logging").propagate = False
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        try:
            workflow_api = api.workflow(
                ResourceSettings(cores=sys.maxsize),  # as many threads as the rules ask for
                config_settings=ConfigSettings(config_args=[*([f"scale={scale}"] if scale else []), *more]),
                # Not the main process: looking at the graph is allowed where running it is not (rules/guard.smk).
                workflow_settings=WorkflowSettings(exec_mode=ExecMode.SUBPROCESS),
                snakefile=root / "Snakefile",
                workdir=root,
            )
            workflow = insides.plan(workflow_api, targets, anew=anew)
        except MissingRuleException as error:
            unmade = [target for target in targets if f"No rule to produce {target} " in str(error)]
            named = ", ".join(unmade) or asked
            raise ViperError(f"{named}: no rule makes it: `snakemake --list-target-rules` lists the targets") from error
        except (WorkflowError, RuleException) as error:
            raise ViperError(f"{asked} cannot be planned: {format_error(error, None)}") from error
        except SystemExit as error:  # from rules/: `stop`
            raise ViperError(f"{asked} cannot be planned: {error}") from error
        yield workflow


def _target(jobs: Iterable[Job], name: str) -> tuple[str, ...]:
    """The files that a target stands for: its inputs, or its outputs where it is a rule that makes something."""
    return tuple(path for job in jobs if job.rule == name for path in (job.outputs if job.outputs else job.inputs))


def _job(job: Any, root: Path) -> Job:
    root = root.resolve()
    params = dict(job.params.items())
    return Job(
        rule=job.rule.name,
        file=Path(os.path.relpath(job.rule.snakefile, root)).as_posix(),
        inputs=tuple(dict.fromkeys(str(path) for path in job.input)),
        outputs=tuple(str(path) for path in job.output),
        sections=tuple(params["sections"]) if "sections" in params else None,
        wildcards=dict(job.wildcards_dict),
        params=params,
        command=command_of(job.rule.shellcmd, params),
        benchmark=str(job.benchmark) if job.benchmark else None,
        threads=job.threads,
        gpus=_gpus(job.resources),
        minutes=job.resources.get("runtime"),
    )


def _gpus(resources: Any) -> int:
    """GPUs of a job: `gpu` counts those of all its nodes, `gres` those of each."""
    if gres := resources.get("gres"):
        return int(gres.rpartition(":")[2]) * int(resources.get("nodes", 1))
    return int(resources.get("gpu", 0))


def to_json(graph: Graph) -> str:
    """The jobs and targets as JSON."""
    jobs = [{field: getattr(job, field) for field in ("rule", "file", "inputs", "outputs")} for job in graph.jobs]
    return json.dumps({"jobs": jobs, "targets": graph.targets})


def from_json(text: str) -> Graph:
    """The graph that `to_json` wrote."""
    content = json.loads(text)
    jobs = (Job(job["rule"], job["file"], tuple(job["inputs"]), tuple(job["outputs"])) for job in content["jobs"])
    return Graph(tuple(jobs), {name: tuple(files) for name, files in content["targets"].items()})
