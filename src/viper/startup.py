"""How long a process takes before its work begins: the interpreter, imports and loading models.

Written to the log, so that the table of run times can say what small steps cost by being processes of their own.
"""

import logging
import re
import time

_log = logging.getLogger(__name__)
_LINE = re.compile(r"started after (\d+\.\d) s")


def log_ready() -> None:
    """Log the seconds since this process was started. The last call before the work counts."""
    import psutil

    _log.info("started after %.1f s", time.time() - psutil.Process().create_time())


def read_seconds(log: str) -> float | None:
    """The seconds that `log_ready` wrote last into the text of a log; None if it was never called."""
    found = _LINE.findall(log)
    return float(found[-1]) if found else None
