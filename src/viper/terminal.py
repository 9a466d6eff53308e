"""A command's standard streams and signals: nothing that a terminal, a pipe or a scheduler does ends in a traceback."""

import io
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# What a terminal, a scheduler or `kill` sends. Python's own answer would leave half-written files behind.
ENDING = (signal.SIGTERM, signal.SIGHUP)
PIPE_CLOSED = 128 + signal.SIGPIPE  # the exit status of any program whose reader went away


@contextmanager
def guarded() -> Iterator[None]:
    """Prepare the streams and signals, run a command, and let what it printed out.

    - A character that the terminal does not know is printed as its escape.
    - A closed standard stream is as if it led nowhere.
    - A reader that goes away (`| head`) ends the command without a word.
    - SIGTERM and SIGHUP end it in order: what is half written is removed.

    Raises:
        SystemExit: the reader went away, or a signal came.
        OSError: what was printed could not be written, for example to a full disk.
    """
    _open_closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    with _ending_in_order():
        try:
            yield
        except BrokenPipeError:
            _lead_nowhere(sys.stdout)
            raise SystemExit(PIPE_CLOSED) from None
        finally:
            _flush()


def _flush() -> None:
    try:
        sys.stdout.flush()
    except OSError as error:
        _lead_nowhere(sys.stdout)  # Python would try to write the rest at its end, and complain then
        if isinstance(error, BrokenPipeError):
            raise SystemExit(PIPE_CLOSED) from None
        raise OSError(error.errno, error.strerror, "standard output") from None


def _open_closed() -> None:
    """Let closed streams lead nowhere: the next file that is opened would take the number, and so what is printed."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


def _lead_nowhere(stream: io.TextIOBase) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


@contextmanager
def _ending_in_order() -> Iterator[None]:
    is_main = threading.current_thread() is threading.main_thread()  # no other thread may say what a signal does
    mine = [number for number in ENDING if is_main and signal.getsignal(number) is signal.SIG_DFL]  # not `nohup`'s
    for number in mine:
        signal.signal(number, _end)
    try:
        yield
    finally:
        for number in mine:
            signal.signal(number, signal.SIG_DFL)


def _end(number: int, _: FrameType | None) -> None:
    os.write(2, f"error: ended by {signal.Signals(number).name}; nothing is left half written: run again\n".encode())
    raise SystemExit(128 + number)
