"""`python -m viper COMMAND`: the commands that the workflow's rules call, and a few for people."""

import logging
import os
import sys

from viper import checkout, processor, system, terminal
from viper.commands import build
from viper.errors import ViperError
from viper.processes import work_alone

HELP = {"--help", "-h"}
LONGEST = 3000  # characters of a line of a message

log = logging.getLogger(__name__)

# Commands that look themselves whether they were started as one of several processes.
_SHARED = (["train"], ["hold-rows"])


def main() -> None:
    """Run one command in the checkout that this package belongs to.

    A `ViperError`, too little memory, or anything else that the system refuses becomes one message on stderr and its
    exit status. Tables and figures that the command made get the record of what they were made from beside them.
    """
    try:
        with terminal.guarded():
            _run()
    except ViperError as error:
        _stop(str(error), error.status)
    except KeyboardInterrupt:
        _stop("interrupted; nothing is left half written: run again", 130)
    except Exception as error:
        message = system.explain_import(error) or _out_of_memory(error) or system.explain(error)
        if message is None:
            raise
        log.debug("where", exc_info=True)
        _stop(message)


def _run() -> None:
    logging.basicConfig(
        level=os.environ.get("VIPER_LOG", "INFO"), format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    if len(sys.argv) > 1 and HELP.isdisjoint(sys.argv):
        checkout.check()
    if sys.argv[1:2] not in _SHARED:
        work_alone()
    system.check_address_space()
    processor.keep_to_avx2()
    from viper.provenance.sidecar import observe

    trace = observe()
    try:
        build()()
    except SystemExit as end:
        if not end.code:
            try:
                trace.write()
            except ViperError as error:
                _stop(str(error), error.status)
        raise


def _stop(message: str, status: int = 2) -> None:
    print(f"error: {_shortened(message)}", file=sys.stderr)
    sys.exit(status)


def _shortened(message: str) -> str:
    """A message in which no line is longer than anybody reads: some repeat what a file holds."""
    lines = message.split("\n")
    return "\n".join(each if len(each) <= LONGEST else f"{each[: LONGEST - 500]} … {each[-490:]}" for each in lines)


def _out_of_memory(error: Exception) -> str | None:
    """One sentence where memory was refused; torch has an error of its own for GPUs, and a plain RuntimeError for the
    CPU."""
    is_torchs = type(error).__name__ == "OutOfMemoryError" or "can't allocate memory" in str(error)
    if not isinstance(error, MemoryError) and not is_torchs:
        return None
    reason = (str(error).strip().splitlines() or ["no memory left"])[0]
    return (
        f"out of memory ({reason}). Do less at once: lower models.*.batch_size or training.phases.*.responses_per_pass,"
        " or raise images.shards; or ask for more: mem_mb of models.*.job or training.machine.job"
    )
