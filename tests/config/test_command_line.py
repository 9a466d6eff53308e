"""What Snakemake itself would end in a traceback at, or execute, is refused before it reads it."""

import subprocess
import sys
from pathlib import Path

import pytest

from viper.config.command_line import check
from viper.errors import ViperError

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--config", "scales.micro.images.number=3"], r"nested, it is 'scales=\{micro: \{images: \{number: 3\}\}\}'"),
        (["-n", "-C", "scale=smoke", "a.b=1"], r"nested, it is 'a=\{b: 1\}'"),
        (["--config", "scale=smoke", "main"], "--config main: write KEY=VALUE.* targets stand behind --"),
        (["--config", "1=3"], "the keys are scale and scales"),
        (["--config", "=3"], "the keys are scale and scales"),
        (["--config", "scale=#x"], "for none, write scale=null"),
        (["--config", "scales={"], "--config scales, line .*not valid YAML"),
        (["--config", "scales={a: 1, a: 2}"], "the key 'a' stands in line 1 too"),
        (["--configfile", "nowhere.yaml"], "nowhere.yaml: cannot be read"),
    ],
)
def test_what_cannot_be_parameters_is_one_message(arguments, message):
    with pytest.raises(ViperError, match=message):
        check(arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["-n", "--cores", "2", "--", "main"],
        ["--config", "scale=smoke", "scales={smoke: {seeds: [1], models: {checker: null}}}", "--", "main"],
        ["--config", "scale=smoke", "--config", "scales="],
        ["--config"],
        ["--configfile"],
    ],
)
def test_everything_else_is_left_to_snakemake(arguments):
    check(arguments)


def test_a_file_for_one_run_is_read_without_executing_it(tmp_path):
    path = tmp_path / "other.yaml"
    path.write_text(f"__use_yte__: true\nbeside: ?open('{tmp_path}/executed', 'w')\n")
    for arguments, message in (
        (["--configfile", str(path)], "__use_yte__ is refused"),
        (["--config", "scales.smoke.images.number=3"], "Error: --config scales.smoke.images.number=3: no such key"),
    ):
        result = subprocess.run(
            [sys.executable, "-m", "snakemake", "--dry-run", *arguments],
            cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        output = result.stdout + result.stderr
        assert (result.returncode, output.count(message)) == (1, 1)
        assert "Traceback" not in output
        assert '  File "' not in output
    assert not (tmp_path / "executed").exists()


def test_other_workflows_are_left_alone(tmp_path):
    (tmp_path / "Snakefile").write_text("rule all:\n    shell: 'echo {config[a]}'\n")
    (tmp_path / "other.yaml").write_text("a: &a 1\nb: {<<: {c: 1}}\n")
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--configfile", "other.yaml"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
