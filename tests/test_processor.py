"""That commands calculate with the instructions that every processor of ours has, unless asked for others."""

import os
import platform
import subprocess
import sys

import pytest

from viper.processor import AVX2, keep_to_avx2

WITH = "processor\t: 0\nflags\t\t: fpu avx avx2 avx512f avx512bw\n"
WITHOUT = "processor\t: 0\nflags\t\t: fpu avx avx2\n"
NAMED = "processor\t: 0\nmodel name\t: avx512f\nflags\t\t: fpu avx2\n"  # a name is no instruction


def _held(tmp_path, monkeypatch, flags, **given):
    for name in AVX2:
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "cpuinfo").write_text(flags)
    with monkeypatch.context() as context:
        context.setattr(os, "environ", dict(os.environ))
        keep_to_avx2(tmp_path / "cpuinfo")
        return {name: os.environ[name] for name in AVX2 if name in os.environ}


def test_a_processor_with_avx512_is_held_to_avx2(tmp_path, monkeypatch):
    assert _held(tmp_path, monkeypatch, WITH) == AVX2


@pytest.mark.parametrize("flags", [WITHOUT, NAMED, "", "Features : neon asimd\n"])
def test_any_other_is_left_alone(tmp_path, monkeypatch, flags):
    assert _held(tmp_path, monkeypatch, flags) == {}


@pytest.mark.parametrize("name", AVX2)
def test_who_asks_for_instructions_gets_them(tmp_path, monkeypatch, name):
    assert _held(tmp_path, monkeypatch, WITH, **{name: "default"}) == {name: "default"}


def test_a_system_that_hides_its_processor_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "environ", {})
    keep_to_avx2(tmp_path / "nothing")
    keep_to_avx2(tmp_path)
    assert os.environ == {}


@pytest.mark.skipif(platform.machine() != "x86_64", reason="torch has these kernels on x86 alone")
def test_commands_are_held_before_torch_is_loaded(tmp_path):
    """What torch says of itself in the process of a command, as on a processor with AVX-512."""
    (tmp_path / "cpuinfo").write_text(WITH)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights").write_text("x")
    run = f"""
from functools import partial
from pathlib import Path
from viper import cli, processor
processor.keep_to_avx2 = partial(processor.keep_to_avx2, Path({str(tmp_path / "cpuinfo")!r}))
try:
    cli.main()
finally:
    import torch
    print(torch.backends.cpu.get_cpu_capability())
"""
    environ = {name: value for name, value in os.environ.items() if name not in AVX2}
    command = [sys.executable, "-c", run, "write-manifest", str(tmp_path / "model")]
    answer = subprocess.run(command, env=environ, check=True, capture_output=True, text=True).stdout
    assert answer.splitlines()[-1] == "AVX2"
