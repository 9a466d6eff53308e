"""What a terminal, a pipe or a scheduler does to a command: never a traceback, and never half a file."""

import os
import signal
import subprocess
import sys

import pytest

COMMAND = """
import sys
from viper import cli
cli.build = lambda: lambda: ({what})
sys.argv = ["viper", "command"]
cli.main()
"""
UGLY = ascii("─ … ü 猫 \udcff \ud800")


def run(what, redirect="", **environment):
    """Run a command of one expression through bash, with its streams redirected; return the process."""
    shell = f'exec "{sys.executable}" -c "$CODE" {redirect}'
    return subprocess.run(
        ["bash", "-c", shell],
        env=os.environ | {"CODE": COMMAND.format(what=what)} | environment,
        capture_output=True,
        check=False,
    )


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1:strict"},
        {"PYTHONUTF8": "0", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONUTF8": "0", "LC_ALL": "POSIX"},
        {"PYTHONUTF8": "1"},
        {"LANG": "de_DE.ISO-8859-1", "LC_ALL": ""},
    ],
)
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_no_character_is_too_much_for_a_terminal(environment, stream):
    result = run(f"print({UGLY}, file=sys.{stream})", **environment)
    assert result.returncode == 0
    assert getattr(result, stream).strip().endswith(b"\\ud800")
    assert b"Traceback" not in result.stderr


def test_a_message_with_any_character_is_printed():
    what = f"(_ for _ in ()).throw(cli.ViperError({UGLY}))"
    result = run(what, PYTHONIOENCODING="ascii")
    assert (result.returncode, result.stderr.count(b"\n")) == (2, 1)


@pytest.mark.parametrize("lines", [1, 100_000])
def test_a_reader_that_goes_away_ends_the_command_without_a_word(lines):
    result = run(f"[print('line') for _ in range({lines})]", "| true; exit ${PIPESTATUS[0]}")
    assert (result.returncode in (0, 1, 141), result.stderr) == (True, b"")


@pytest.mark.parametrize("redirect", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_closed_streams_are_as_if_they_led_nowhere(redirect, tmp_path):
    # A file that is opened next must not take the number of the closed stream, and so what is printed.
    what = f"[(print('a'), print('b', file=sys.stderr), sys.stdin.read()) for f in [open('{tmp_path}/file', 'w')]]"
    result = run(what, redirect)
    assert (result.returncode, (tmp_path / "file").read_text(encoding="utf-8")) == (0, "")
    assert b"Traceback" not in result.stderr


@pytest.mark.parametrize("lines", [1, 100_000])
def test_output_that_cannot_be_written_is_an_error(lines):
    result = run(f"[print('line') for _ in range({lines})]", ">/dev/full")
    assert result.returncode == 2
    assert result.stderr.startswith(b"error: standard output")
    assert result.stderr.count(b"\n") == 1


# Signals mean what they mean to a command in a terminal, also where the tests run in the background.
WRITER = """
import signal, sys, time
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)
from viper import cli, files
def command():
    with files.atomic_write(sys.argv[2]) as partial:
        partial.write_text("half")
        print("writing", flush=True)
        time.sleep(600)
cli.build = lambda: command
cli.main()
"""


@pytest.mark.parametrize(
    ("number", "status", "message"),
    [
        (signal.SIGTERM, 143, "error: ended by SIGTERM"),
        (signal.SIGHUP, 129, "error: ended by SIGHUP"),
        (signal.SIGINT, 130, "error: interrupted"),
    ],
)
def test_a_signal_ends_a_command_in_order(tmp_path, number, status, message):
    command = [sys.executable, "-c", WRITER, "command", str(tmp_path / "out.txt")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "writing\n"
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    assert process.returncode == status
    assert said.startswith(message)
    assert said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_nohup_is_respected(tmp_path):
    command = f'trap "" HUP; exec "{sys.executable}" -c "$CODE"'
    code = COMMAND.format(what="[__import__('os').kill(__import__('os').getpid(), 1), print('still here')]")
    result = subprocess.run(["bash", "-c", command], env=os.environ | {"CODE": code}, capture_output=True, check=False)
    assert (result.returncode, result.stdout) == (0, b"still here\n")
