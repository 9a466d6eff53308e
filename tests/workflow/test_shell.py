"""Whatever stands in params.yaml reaches a command as the argument that it is, never as shell."""

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
# What no shell line needs to quote: Snakemake's own numbers.
NUMBERS = {"threads"}
HOSTILE = "My 'Drive' \"$(touch pwned)\" `touch pwned`; touch pwned & #*?~!%\\ ü"


def shell_lines():
    """Every line of every `shell:` block, with its place."""
    for path in [ROOT / "Snakefile", *sorted((ROOT / "rules").glob("*.smk"))]:
        depth = None
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            indent = len(line) - len(line.lstrip())
            if line.strip().startswith("shell:"):
                depth = indent
            elif depth is not None and line.strip() and indent <= depth:
                depth = None
            if depth is not None and not line.strip().startswith("#"):
                yield f"{path.name}, line {number}", line


def test_every_field_of_every_shell_line_is_quoted():
    lines = list(shell_lines())
    assert len(lines) > 80
    fields = [(place, field) for place, line in lines for field in re.findall(r"\{([^{}]+)\}", line)]
    unquoted = [(place, field) for place, field in fields if field not in NUMBERS and not field.endswith(":q")]
    assert unquoted == []
    assert len(fields) > 100


# Every text of the schema that names a file or folder, by its dotted key; a new one must be tried here as well.
PATHS = {
    "models.vlm.path": "folder",
    "models.painter.path": "folder",
    "models.editor.path": "folder",
    "models.checker": "folder",
    "reward.calibration.pairs": "pairs.csv",
    "training.cold_start.source": "cold.jsonl",
    "training.machine.accelerate_config": "launch.yaml",
}


# Runs in a process of its own: prints the shell line of every job, as Snakemake would run it.
PRINT_JOBS = """
import json, sys
from pathlib import Path
from snakemake.api import SnakemakeApi
from snakemake.settings.enums import Quietness
from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, ResourceSettings, WorkflowSettings
from snakemake_interface_executor_plugins.settings import ExecMode

with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
    workflow = api.workflow(
        ResourceSettings(cores=1),
        config_settings=ConfigSettings(config=json.loads(sys.argv[1])),
        workflow_settings=WorkflowSettings(exec_mode=ExecMode.SUBPROCESS),
        snakefile=Path("Snakefile"),
    )._workflow
    workflow.dag_settings = DAGSettings(targets={"all", "audit_synthesis"}, forceall=True)
    workflow._prepare_dag(forceall=True, ignore_incomplete=True, lock_warn_only=True, nolock=True)
    workflow._build_dag()
    print(json.dumps([[job.rule.name, job.shellcmd] for job in workflow.dag.jobs if job.shellcmd]))
"""


def run(root, *command, **variables):
    environment = os.environ | {"PYTHONPATH": str(root / "src")} | variables
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_hostile_paths_reach_the_commands_whole_and_run_nothing(copy_repository, tmp_path):
    root = copy_repository().root
    values = yaml.safe_load((root / "params.yaml").read_text(encoding="utf-8"))["scales"]["smoke"]
    overrides: dict = {}
    for key, name in PATHS.items():
        *parents, last = key.split(".")
        section = overrides
        for parent in parents:
            section = section.setdefault(parent, {})
        section[last] = f"{HOSTILE}/{name}"
    (root / HOSTILE).mkdir(parents=True)
    for part in ("folder", "pairs.csv", "cold.jsonl", "launch.yaml"):
        place = root / HOSTILE / part
        if part == "folder":
            place.mkdir()
            (place / "manifest.json").write_text("{}")
        else:
            place.write_text("x\n")
    overrides["training"]["phases"] = {"csr": {"data": ["csr", "vop"]}}
    overrides["evaluation"] = {"asking": {"instruction": "Say {seed}, {word} and $(touch pwned)."}}
    assert values["training"]

    printed = run(
        root, sys.executable, "-c", PRINT_JOBS, json.dumps({"scale": "smoke", "scales": {"smoke": overrides}})
    )
    assert printed.returncode == 0, printed.stderr[-3000:]
    jobs = json.loads(printed.stdout.splitlines()[-1])
    assert len({rule for rule, _ in jobs}) > 25

    # Every shell line runs for real, but with programs that only write down what they are given.
    stubs, calls = tmp_path / "stubs", tmp_path / "calls"
    stubs.mkdir()
    for program in ("python", "accelerate", "dvc", "touch", "tee"):
        stub = stubs / program
        stub.write_text(
            f"#!{sys.executable}\nimport json, sys\n"
            f"open({str(calls)!r}, 'a').write(json.dumps([{program!r}, *sys.argv[1:]]) + '\\n')\n"
        )
        stub.chmod(stub.stat().st_mode | stat.S_IXUSR)
    for rule, line in jobs:
        (root / "logs").mkdir(exist_ok=True)
        redirected = re.sub(r"(> )(\S+)( 2>&1)$", r"\1/dev/null\3", line)
        result = run(root, "bash", "-euo", "pipefail", "-c", redirected, PATH=f"{stubs}:/usr/bin:/bin")
        assert result.returncode == 0, f"{rule}: {line}\n{result.stderr}"
    said = [json.loads(line) for line in calls.read_text().splitlines()]
    assert ["touch", "pwned"] not in said
    assert not (root / "pwned").exists()
    arguments = {argument for call in said for argument in call}
    for key, name in PATHS.items():
        wanted = f"{HOSTILE}/{name}" + ("/manifest.json" if name == "folder" else "")
        in_json = json.dumps(f"{HOSTILE}/{name}", ensure_ascii=False)
        assert wanted in arguments or any(in_json in argument for argument in arguments), key
    asked = [json.loads(argument) for argument in arguments if "touch pwned)." in argument and argument.startswith("{")]
    assert asked
    assert all("Say {seed}, {word} and $(touch pwned)." in json.dumps(options) for options in asked)
