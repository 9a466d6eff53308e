"""A file from the web: with patience for a slow line, none for a silent one, and no half of it taken for a whole."""

import logging
import time
from pathlib import Path

from viper.errors import ViperError

_log = logging.getLogger(__name__)

TRIES = 3
PAUSE = 5.0  # seconds before the next try
_SILENCE = {"total": None, "sock_connect": 30, "sock_read": 60}  # seconds; aiohttp would give up a long download


class UnreachableError(ViperError):
    """A file could not be had from where it should be."""


def download(url: str, path: Path, label: str | None = None) -> None:
    """Download `url` to `path`; a connection that is dropped is tried again.

    Args:
        label: what a progress bar says; None: there is none.

    Raises:
        UnreachableError: the server has no such file, or did not send it whole after `TRIES` tries; the reason.
    """
    import aiohttp
    import fsspec
    from fsspec.callbacks import NoOpCallback, TqdmCallback

    options = {"desc": label, "unit": "B", "unit_scale": True, "mininterval": 2}
    web = fsspec.filesystem("http", client_kwargs={"timeout": aiohttp.ClientTimeout(**_SILENCE)})
    for left in reversed(range(TRIES)):
        try:
            web.get_file(url, str(path), callback=TqdmCallback(tqdm_kwargs=options) if label else NoOpCallback())
            return
        except FileNotFoundError as error:
            raise UnreachableError("there is no such file") from error
        except (aiohttp.ClientError, OSError) as error:
            reason = str(error) or type(error).__name__
            if not left:
                raise UnreachableError(f"cannot be reached ({reason})") from error
            _log.warning("%s: %s; trying again", url, reason)
            time.sleep(PAUSE)
