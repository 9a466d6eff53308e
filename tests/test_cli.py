"""The command line: what a user is meant to read is one message, and every other error keeps its traceback."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from viper import cli, commands
from viper.errors import ViperError


def no_memory_for_an_array():
    np.empty(1 << 57)


def no_memory_for_a_tensor():
    torch.empty(1 << 55)


def no_memory_on_the_gpu():
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nSee the documentation")


def bad_input():
    raise ViperError("the value is wrong: correct it")


def no_such_file():
    Path("results/nowhere/table.csv").read_text(encoding="utf-8")


def a_disk_of_its_own():
    raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), "/mnt/shared/table.csv")


def what_a_library_says():
    raise OSError("no file named model.safetensors found in models/x\nSee the documentation")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (no_such_file, "error: results/nowhere/table.csv: no such file or folder"),
        (a_disk_of_its_own, "error: /mnt/shared/table.csv: the network disk no longer knows this file"),
        (what_a_library_says, "error: no file named model.safetensors found in models/x (OSError"),
        (bad_input, "error: the value is wrong: correct it\n"),
        (no_memory_for_an_array, "error: out of memory (Unable to allocate"),
        (no_memory_for_a_tensor, "can't allocate memory"),
        (
            no_memory_on_the_gpu,
            "(CUDA out of memory. Tried to allocate 2.00 GiB.). Do less at once: lower models",
        ),
    ],
)
def test_bad_input_and_what_the_system_refuses_are_one_message(command, message, monkeypatch, capsys):
    monkeypatch.setattr(cli, "build", lambda: command)
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    said = capsys.readouterr().err
    assert stopped.value.code == 2
    assert message in said
    assert said.count("\n") == 1


def test_a_message_repeats_no_long_line_of_a_file(monkeypatch, capsys):
    def command():
        raise ViperError(f"a.csv lacks the column page, it has {'x' * 10**6}\nSave it anew")

    monkeypatch.setattr(cli, "build", lambda: command)
    with pytest.raises(SystemExit):
        cli.main()
    said = capsys.readouterr().err
    assert len(said) < 4000
    assert said.startswith("error: a.csv lacks the column page")
    assert said.endswith("Save it anew\n")


def test_a_mistake_in_the_code_keeps_its_traceback(monkeypatch):
    def command():
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(cli, "build", lambda: command)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        cli.main()


def test_every_command_says_what_it_does():
    known = cli.build().registered_commands
    assert len(known) > 20
    assert all(command.callback.__doc__ for command in known)


def test_helps_flow_and_lists_stay():
    """A line that ends where the source ends it is broken twice on a terminal."""
    assert commands.flowing("One\ntwo.\n\n  Exit status:\n    0  right\n    1  wrong\n") == (
        "One two.\n\n  Exit status:\n    0  right\n    1  wrong"
    )
    for command in cli.build().registered_commands:
        for paragraph in command.help.split("\n\n"):
            assert all(line.startswith(" ") for line in paragraph.splitlines()[1:]), command.help
