"""What `make lint` looks at is clean: the style of Python, and of the files of rules."""

import re
import subprocess

import pytest

from repository import ROOT, command, environment

LINES = re.search(r"^lint:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE).group(1)
COMMANDS = [part.split() for line in LINES.splitlines() for part in line.split("&&")]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_lint_is_clean(words):
    ended = subprocess.run(command(*words), cwd=ROOT, env=environment(ROOT), capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
