"""Everything of Snakemake that its documentation does not promise, by name: nothing else here reaches for such names.

Snakemake gives its graph away as pictures only, and lets no rule inherit another's log or resources. The version is
pinned; `check` says in one sentence what another one lacks.
"""

import sys
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from functools import wraps
from importlib import import_module
from importlib.metadata import version
from types import FunctionType
from typing import Any

from viper.errors import ViperError

HOLDS_FOR = "9.27"
# Class → its members, and what its instances are given when they are made.
PRIVATE = {
    "snakemake.api.WorkflowApi": ("_workflow",),
    "snakemake.workflow.Workflow": (
        "_prepare_dag", "_build_dag", "dag", "scheduler", "rules", "dag_settings", "persistence", "_localrules",
        "global_resources",
    ),
    "snakemake.dag.DAG": ("jobs", "needrun_jobs", "reason", "update_needrun", "bfs", "depending"),
    "snakemake.jobs.Reason": ("_missing_output", "_updated_input", "_updated_input_run", "forced"),
    "snakemake.persistence.PersistenceBase": (
        "input_changed", "params_changed", "code_changed", "software_stack_changed",
    ),
    "snakemake.scheduling.job_scheduler.JobScheduler": (
        "_executor", "global_resources", "resources", "job_rate_limiter",
    ),
    "snakemake.scheduling.job_scheduler.JobRateLimiter": ("max_jobs", "timespan"),
    "snakemake.jobs.Job": ("rule", "input", "output", "params", "wildcards_dict", "benchmark", "resources", "threads"),
    "snakemake.rules.Rule": (
        "snakefile", "shellcmd", "docstring", "ruleinfo", "params", "set_params", "log", "set_log", "benchmark",
        "conda_env", "resources", "output", "log_modifier", "wildcard_names", "benchmark_modifier", "output_modifier",
        "run_func",
    ),
    "snakemake.ruleinfo.RuleInfo": ("resources", "conda_env"),
    "snakemake.resources.Resources": ("from_mapping", "update"),
    "snakemake.settings.types.ResourceSettings": ("_parsed_overwrite_resources",),
}  # fmt: skip

SNAKEMAKES_LIMIT = (100, 1)  # jobs, in so many seconds: `--max-jobs-per-timespan 100/1s`, the default


def missing() -> list[str]:
    """The names of PRIVATE that the installed Snakemake does not have."""
    return [f"{place}.{name}" for place, names in PRIVATE.items() for name in names if not _has(place, name)]


def _has(place: str, name: str) -> bool:
    module, _, class_name = place.rpartition(".")
    try:
        owner = getattr(import_module(module), class_name)
    except (ImportError, AttributeError):
        return False
    # What a class sets on its instances stands in the code of its `__init__`, or behind that of a dataclass.
    made = (vars(each).get(maker) for each in owner.__mro__ for maker in ("__init__", "__post_init__"))
    return hasattr(owner, name) or any(name in getattr(each, "__code__", _Nothing).co_names for each in made if each)


class _Nothing:
    """The code of an `__init__` that is not written in Python."""

    co_names = ()


def check() -> None:
    """Stop where Snakemake is another one than this module was written for.

    Raises:
        ViperError: names that it lacks.
    """
    if lacking := missing():
        raise ViperError(
            f"Snakemake {version('snakemake')} lacks {', '.join(lacking)}, which src/viper/workflow/insides.py uses as "
            f"Snakemake {HOLDS_FOR} has it: install what envs/cpu.txt names (`make setup`)"
        )


# --- a workflow's graph


def plan(workflow_api: Any, targets: Sequence[str], *, anew: bool = True) -> Any:
    """Build the graph below some targets; return Snakemake's workflow.

    Args:
        anew: everything is to be made, whatever is on disk; otherwise what a run would make that begins now, with the
            settings of profiles/default.
    """
    from snakemake.settings.types import DAGSettings

    check()
    workflow = workflow_api._workflow
    workflow.dag_settings = DAGSettings(
        targets=set(targets), forceall=anew, force_incomplete=True, max_checksum_file_size=sys.maxsize
    )
    workflow._prepare_dag(forceall=anew, ignore_incomplete=anew, lock_warn_only=True, nolock=True)
    workflow._build_dag()
    return workflow


def jobs(workflow: Any) -> Iterable[Any]:
    """The jobs of a workflow that `plan` returned."""
    return workflow.dag.jobs


def waiting_jobs(workflow: Any) -> list[Any]:
    """The jobs that a run which begins is going to execute."""
    return list(workflow.dag.needrun_jobs())


def reason(workflow: Any, job: Any) -> dict[str, Any]:
    """Why a job of a workflow that `plan` returned is going to run.

    Returns:
        missing: outputs that are not there; again: whether it was broken off; inputs: inputs with other content, and
        made: those that other jobs make first; inputs_set: whether it reads other files than before; params: what
        Snakemake noted of parameters, as (before, now), only where they differ; shell: whether its command line was
        edited; environment: whether its software was.
    """
    found, records = workflow.dag.reason(job), workflow.persistence
    made, params = set(found._updated_input_run or ()), records.params_changed(job)
    # Snakemake compares with its records only where it has no other reason; an edit is told beside these as well.
    return {
        "missing": sorted(map(str, found._missing_output or ())),
        "again": bool(found.forced),
        "inputs": sorted(map(str, set(found._updated_input or ()) - made)),
        "made": sorted(map(str, made)),
        "inputs_set": any(records.input_changed(job)),
        "params": (sorted(params.only_old), sorted(params.only_new)),
        "shell": any(records.code_changed(job)),
        "environment": any(records.software_stack_changed(job)),
    }


def look_behind_ancient() -> None:
    """Let Snakemake, in this process, ask of each job behind an `ancient` input whether it has to run.

    When a job is going to run, Snakemake takes all behind it for settled, and asks none of them by itself; those that
    only an `ancient` input ties to it are then left out, and what is missing there is not made, in a run that ends well
    (snakemake/snakemake#4166).
    """
    from snakemake.dag import DAG

    if not hasattr(DAG.update_needrun, "__wrapped__"):
        DAG.update_needrun = _looking_behind_ancient(DAG.update_needrun)


def _looking_behind_ancient(update_needrun: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    @wraps(update_needrun)
    async def update(dag: Any, *args: Any, **kwargs: Any) -> None:
        dag.bfs = _tied  # what the original takes for settled, and nothing else there
        try:
            await update_needrun(dag, *args, **kwargs)
        finally:
            del dag.bfs

    return update


def _tied(depending: Mapping[Any, Mapping[Any, Iterable[Any]]], *jobs: Any) -> Iterator[Any]:
    """Some jobs, and those behind them through inputs that are not `ancient`."""
    waiting, found = deque(jobs), set(jobs)
    while waiting:
        yield (job := waiting.popleft())
        behind = [each for each, files in depending[job].items() if not all(file.is_ancient for file in files)]
        waiting += [each for each in behind if each not in found]
        found.update(behind)


def share(workflow: Any, resource: str, amount: int) -> None:
    """Let the jobs of a run that begins hold no more than `amount` of a resource together.

    Unlike `--resources`, this lowers nothing that a job asks for.
    """
    for amounts in (workflow.scheduler.global_resources, workflow.scheduler.resources):
        amounts[resource] = amount


def lift_rate_limit(workflow: Any) -> None:
    """Let jobs of a run that begins start without a limit per second, where the command line sets none.

    With its own limit, 100 a second, Snakemake looks for jobs that may begin not only when one has ended, but again a
    second after every look, for ever: each job that ends adds a look a second, and after a hundred jobs these take 40 %
    of a core from those that run beside. Cores, and `--jobs` on a cluster, hold jobs back as well.
    """
    limiter = workflow.scheduler.job_rate_limiter
    if limiter is not None and (limiter.max_jobs, limiter.timespan) == SNAKEMAKES_LIMIT:
        workflow.scheduler.job_rate_limiter = None


def lift_core_limit(workflow: Any) -> None:
    """Let the jobs of a cluster have as many threads as their rules ask for, while the rule files are read.

    Snakemake holds threads to the cores of the machine that it runs on, or to `--cores`, also where a job runs on
    another one: submitted from four cores, a training that asks for 64 CPUs would get four. Where nodes are counted
    (`--jobs`), nothing else looks at the cores.
    """
    if workflow.global_resources["_nodes"].value is not None:
        workflow.global_resources["_cores"] = None


def run_name(workflow: Any) -> str:
    """The name under which the executor of a run submits its jobs to a cluster."""
    return workflow.scheduler._executor.run_uuid


# --- what a rule is given after it was read


def declared(rule: Any) -> dict[str, Any]:
    """The resources that stand in the rule itself, not those of a profile or of the command line."""
    return rule.ruleinfo.resources[1] if rule.ruleinfo.resources else {}


def is_light(rule: Any) -> bool:
    """Whether neither the rule itself nor the command line asks for any resource."""
    return not declared(rule) and rule.name not in rule.workflow.resource_settings._parsed_overwrite_resources


def run_here(rule: Any) -> None:
    """Have a rule's jobs run where Snakemake itself does, also where there is a cluster."""
    rule.workflow.localrules(rule.name)


def asks_for(rule: Any, resource: str) -> bool:
    """Whether a rule asks for any of a resource, by itself or by the command line."""
    return rule.resources.get(resource) not in (None, 0)


def first_amounts(rule: Any, *resources: str) -> tuple[int, tuple[int, ...]] | None:
    """What a rule asks for at its first attempt; None where its threads are those of the machine that it runs on.

    Returns:
        Threads, and the amounts of `resources`: 0 where it says nothing.
    """
    threads = rule.resources["_cores"]
    if threads.is_evaluable():
        return None
    found = [rule.resources.get(name) for name in resources]
    return threads.value, tuple(each.evaluate(None, attempt=1).value or 0 if each else 0 for each in found)


def is_submitted(workflow: Any, rule: Any) -> bool:
    """Whether jobs of a rule go to a cluster, where there is one."""
    return rule.shellcmd is not None and rule.name not in workflow._localrules


def set_shell(rule: Any, shell: str) -> None:
    """Replace a rule's shell line, in what is shown of the rule and in the function that was made of it.

    Raises:
        ViperError: Snakemake has made another kind of function of the rule.
    """
    made = rule.run_func  # which rules have in common that are derived from one another
    code = made.__code__
    if rule.shellcmd not in code.co_consts:
        raise ViperError(
            f"Snakemake {version('snakemake')} compiles rules otherwise than {HOLDS_FOR}, and rule {rule.name} cannot "
            "be given GPUs of its own: install what envs/cpu.txt names (`make setup`)"
        )
    constants = tuple(shell if each == rule.shellcmd else each for each in code.co_consts)
    rule.run_func = FunctionType(code.replace(co_consts=constants), made.__globals__, made.__name__, made.__defaults__)
    rule.shellcmd = shell


def give(rule: Any, *, log: str, benchmark: str, conda: Any, resources: dict[str, Any]) -> None:
    """Give a rule what it does not say itself; resources that the command line sets have the last word."""
    from snakemake.resources import Resources

    if not rule.log:
        rule.log_modifier = rule.output_modifier  # a rule that is imported with a prefix has it on all of its paths
        rule.set_log(log)
    if rule.benchmark is None and rule.output:  # what makes nothing would be done once it has one
        rule.benchmark_modifier = rule.output_modifier
        rule.benchmark = benchmark
    if not rule.ruleinfo.conda_env:
        rule.conda_env = conda
    rule.resources.update(Resources.from_mapping({**resources, **declared(rule)}))
    rule.resources.update(rule.workflow.resource_settings._parsed_overwrite_resources.get(rule.name, {}))
