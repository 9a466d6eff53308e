"""The Snakemake graph as plain data: jobs with their files, and the targets that name groups of them."""

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from viper.errors import ViperError


@dataclass(frozen=True)
class Job:
    """One job: a rule with its wildcards filled in.

    Attributes:
        rule: the rule's name.
        file: the rule file that defines it, relative to the repository.
        inputs, outputs: paths relative to the repository.
        params: the rule's parameters by name.
        command: the viper command that it runs; None where it runs none.
    """

    rule: str
    file: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    params: dict = field(compare=False, hash=False, default_factory=dict)
    command: str | None = None


@dataclass(frozen=True)
class Graph:
    """The jobs of a scale that make something; the files that each target stands for, and what its docstring says."""

    jobs: tuple[Job, ...]
    targets: dict[str, tuple[str, ...]]
    docs: dict[str, str] = field(default_factory=dict)

    def maker(self) -> dict[str, Job]:
        """Path → the job that makes it."""
        return {path: job for job in self.jobs for path in job.outputs}

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
    from snakemake.api import SnakemakeApi
    from snakemake.exceptions import MissingRuleException
    from snakemake.settings.enums import Quietness
    from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, ResourceSettings, WorkflowSettings
    from snakemake_interface_common.exceptions import WorkflowError
    from snakemake_interface_executor_plugins.settings import ExecMode

    root = root.resolve()
    logging.getLogger("snakemake.logging").propagate = False
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        try:
            workflow_api = api.workflow(
                ResourceSettings(cores=1),
                config_settings=ConfigSettings(config_args=[*([f"scale={scale}"] if scale else []), *more]),
                # Not the main process: looking at the graph is allowed where running it is not (rules/guard.smk).
                workflow_settings=WorkflowSettings(exec_mode=ExecMode.SUBPROCESS),
                snakefile=root / "Snakefile",
                workdir=root,
            )
            # Snakemake gives the graph away as pictures only; these are its inner functions (its version is pinned).
            workflow = workflow_api._workflow
            workflow.dag_settings = DAGSettings(targets=set(targets), forceall=True)
            workflow._prepare_dag(forceall=True, ignore_incomplete=True, lock_warn_only=True, nolock=True)
            workflow._build_dag()
        except MissingRuleException as error:
            raise ViperError(
                f"{', '.join(targets)}: no rule makes it: `snakemake --summary` lists what there is"
            ) from error
        except (WorkflowError, SystemExit) as error:  # the second from rules/: `stop`
            raise ViperError(f"Snakemake cannot plan {', '.join(targets)}: {error}") from error
        jobs = [_job(job, root) for job in workflow.dag.jobs]
        named = {rule.name: rule for rule in workflow.rules if rule.name in targets}
    return Graph(
        tuple(sorted((job for job in jobs if job.outputs), key=lambda job: job.outputs)),
        {name: _target(jobs, name) for name in targets if name in named},
        {name: rule.docstring or "" for name, rule in named.items()},
    )


def _target(jobs: Iterable[Job], name: str) -> tuple[str, ...]:
    """The files that a target stands for: its inputs, or its outputs where it is a rule that makes something."""
    return tuple(path for job in jobs if job.rule == name for path in (job.outputs if job.outputs else job.inputs))


def _job(job, root: Path) -> Job:
    from viper.provenance.source import command_of

    return Job(
        rule=job.rule.name,
        file=Path(job.rule.snakefile).resolve().relative_to(root).as_posix(),
        inputs=tuple(dict.fromkeys(str(path) for path in job.input)),
        outputs=tuple(str(path) for path in job.output),
        params=dict(job.params.items()),
        command=command_of(job.rule.shellcmd, dict(job.params.items())),
    )


def to_json(graph: Graph) -> str:
    """The jobs and targets as JSON."""
    jobs = [{field: getattr(job, field) for field in ("rule", "file", "inputs", "outputs")} for job in graph.jobs]
    return json.dumps({"jobs": jobs, "targets": graph.targets})


def from_json(text: str) -> Graph:
    """The graph that `to_json` wrote."""
    content = json.loads(text)
    jobs = (Job(job["rule"], job["file"], tuple(job["inputs"]), tuple(job["outputs"])) for job in content["jobs"])
    return Graph(tuple(jobs), {name: tuple(files) for name, files in content["targets"].items()})
