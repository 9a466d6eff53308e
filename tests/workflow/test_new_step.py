"""Adding a step is a function, a rule and a rate: DVC, cost and provenance then know it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SOURCES = [
    "Snakefile",
    "params.yaml",
    "scales",
    "rules",
    "envs",
    "profiles",
    "docs",
    "src",
    "models/micro/pretrained.dvc",
    "dvc.yaml",
]
COMMAND = '''
    @app.command()
    def count_words(images: Table, out: Out, options: Options) -> None:
        """Count the words that one may say."""
        from viper.synthesis.counting import count

        count(images, read_options(options).synthesis.caption, out)

'''
MODULE = '''"""Counting."""

from pathlib import Path

from viper.config.synthesis import Answering
from viper.files import atomic_write


def count(images: Path, answering: Answering, out: Path) -> None:
    """Write how many tokens a caption may have."""
    with atomic_write(out) as partial:
        partial.write_text(f"words\\n{answering.max_new_tokens}\\n", encoding="utf-8")
'''
RULE = '''

rule count_words:
    """Count the words that one may say."""
    input:
        images=L.images(seed=S.seeds[0], shard=0),
    output:
        L.table("main", "counted"),
    params:
        sections=["synthesis.caption"],
    shell:
        "python -m viper count-words --images {input.images:q} --out {output:q} --options {params.options:q}"
        " > {log:q} 2>&1"
'''


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A checkout with one more step, which `main` wants."""
    root = tmp_path_factory.mktemp("new-step")
    for name in SOURCES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-r", str(ROOT / name), str(root / name)], check=True)
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    (root / "src/viper/synthesis/counting.py").write_text(MODULE)
    card, shown = "\n    @app.command()\n    def write_card(", "\n\n# What the main experiment shows.\n"
    replace(root / "src/viper/synthesis/commands.py", card, COMMAND.rstrip() + "\n" + card)
    replace(root / "rules/analysis.smk", shown, RULE + shown)
    replace(root / "rules/analysis.smk", "MAIN = [", "MAIN = [*rules.count_words.output, ")
    replace(root / "src/viper/cost/rates.yaml", "light:\n", "light:\n  count_words: 7\n")
    return root


def replace(path, old, new):
    text = path.read_text()
    assert text.count(old) == 1, f"{path}: {old}"
    path.write_text(text.replace(old, new))


def run(root, *command, check=True):
    environment = os.environ | {"PYTHONPATH": str(root / "src"), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, *command], cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    assert not check or done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done


def test_dvc_records_it_with_its_own_parameters_and_code(checkout):
    run(checkout, "-m", "viper", "dvc-yaml")
    scale = yaml.safe_load((checkout / "params.yaml").read_text())["scale"]
    stages = yaml.safe_load((checkout / "dvc.yaml").read_text())["stages"]
    making = {name: stage for name, stage in stages.items() if "results/micro/main" in str(stage.get("outs"))}
    assert list(making) == ["main"]
    (of_scale,) = [each for each in making["main"]["params"] if f"scales/{scale}.yaml" in each]
    assert "synthesis.caption" in of_scale[f"scales/{scale}.yaml"]
    assert any(dep in ("src/viper/synthesis", "src/viper/synthesis/counting.py") for dep in making["main"]["deps"])


def test_the_cost_of_a_run_has_it_by_its_rate(checkout):
    said = run(checkout, "-m", "viper", "cost", "--scale", "smoke").stdout
    rows = {line.split()[0]: line.split() for line in said.splitlines()}
    assert rows["count_words"][1] == "1"
    assert rows["count_words"][-1] == "estimate"


def test_provenance_runs_it_and_knows_what_it_depends_on(checkout):
    from viper.config.options import read_options

    script = (
        "import json; from viper.workflow.graph import read;"
        " [job] = [job for job in read(['main'], 'smoke').jobs if job.rule == 'count_words'];"
        " print(json.dumps([job.sections, job.params['options'], job.params['code'], job.command, job.benchmark,"
        " job.minutes]))"
    )

    def read():
        return json.loads(run(checkout, "-c", script).stdout.splitlines()[-1])

    sections, options, code, command, benchmark, minutes = read()
    assert (sections, command, minutes) == (["synthesis.caption"], "count-words", 10)
    assert benchmark == "benchmarks/smoke/count_words.tsv"
    assert read_options(options).synthesis.caption.max_new_tokens > 0
    module = checkout / "src/viper/synthesis/counting.py"
    module.write_text(module.read_text().replace("words\\n{", "tokens\\n{"))
    assert read()[2] != code, "an edit of its code makes it again"


def test_it_runs_with_its_log_and_benchmark_and_its_result_says_what_made_it(checkout):
    target = "results/smoke/main/counted.csv"
    run(checkout, "-m", "snakemake", "--cores", "1", "--config", "scale=smoke", "--", target)
    assert (checkout / target).read_text().split()[1].isdigit()
    assert (checkout / "logs/smoke/count_words.log").is_file()
    assert (checkout / "benchmarks/smoke/count_words.tsv").is_file()
    record = run(checkout, "-m", "viper", "provenance", target).stdout
    assert "count_words" in record


def test_a_section_that_it_did_not_name_cannot_be_read(checkout):
    module = checkout / "src/viper/synthesis/commands.py"
    module.write_text(module.read_text().replace(".synthesis.caption, out)", ".synthesis.critique, out)"))
    target = "results/smoke/main/counted.csv"
    refused = run(checkout, "-m", "snakemake", "--cores", "1", "--config", "scale=smoke", "--", target, check=False)
    assert refused.returncode != 0
    log = (checkout / "logs/smoke/count_words.log").read_text()
    assert "'critique' is not among the options (caption): name its section in the `sections` of the rule" in log
