"""The jobs that a run consists of, as Snakemake plans them."""

import json
import logging
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from viper.errors import ViperError


@dataclass(frozen=True)
class Job:
    """One job of a run.

    Attributes:
        rule: name of its rule, which is the step that it belongs to.
        wildcards: which of the rule's jobs it is.
        output: files that it makes.
        needs: files that it reads.
        benchmark: file in which Snakemake notes what the job took; None for a rule that only collects.
        threads: CPU threads that it asks for.
        gpus: GPUs that it asks for.
        minutes: its time limit at the first attempt; None where the rule sets none.
    """

    rule: str
    wildcards: dict[str, str]
    output: tuple[str, ...]
    needs: tuple[str, ...]
    benchmark: str | None
    threads: int
    gpus: int
    minutes: float | None


def planned_jobs(target: str, config: Mapping[str, Any]) -> list[Job]:
    """Return every job that making `target` from nothing takes, in an order in which they could run.

    This is a dry run of the workflow in the working directory, read through the events that Snakemake hands to its
    logger plugins: what is on disk already is planned all the same.

    Args:
        target: a rule or a file, such as 'all'.
        config: what `--config` would set, such as {"scale": "7b"}.

    Raises:
        ViperError: there is no workflow here, or it cannot be planned; Snakemake's reason.
    """
    from snakemake.api import SnakemakeApi
    from snakemake.exceptions import RuleException, WorkflowError, format_error
    from snakemake.logging import logger
    from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, ResourceSettings

    if not Path("Snakefile").is_file():
        raise ViperError("no Snakefile here: run from the repository's root")
    events = _JobEvents()
    assignments = [f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in config.items()]
    try:
        with SnakemakeApi(OutputSettings()) as api:
            workflow = api.workflow(
                resource_settings=ResourceSettings(cores=sys.maxsize),  # as many threads as the rules ask for
                config_settings=ConfigSettings(config_args=assignments),
                snakefile=Path("Snakefile"),
            )
            logger.handlers[:], logger.propagate = [events], False  # in place of the terminal
            dag = workflow.dag(DAGSettings(targets={target}, forceall=True))
            dag.execute_workflow(executor="dryrun")
    except (WorkflowError, RuleException) as error:
        raise ViperError(f"the run cannot be planned: {format_error(error, None)}") from error
    except SystemExit as error:  # from rules/: `stop`
        raise ViperError(f"the run cannot be planned: {error}") from error
    return events.jobs


class _JobEvents(logging.Handler):
    """Collects the jobs that a dry run announces."""

    def __init__(self) -> None:
        super().__init__()
        self.jobs: list[Job] = []

    def emit(self, record: logging.LogRecord) -> None:
        from snakemake_interface_logger_plugins.common import LogEvent

        if getattr(record, "event", None) != LogEvent.JOB_INFO:
            return
        self.jobs.append(
            Job(
                rule=record.rule_name,
                wildcards=dict(record.wildcards),
                output=tuple(map(str, record.output)),
                needs=tuple(map(str, record.input)),
                benchmark=str(record.benchmark) if record.benchmark else None,
                threads=record.threads,
                gpus=int(record.resources.get("gpu", 0)),
                minutes=record.resources.get("runtime"),
            )
        )
