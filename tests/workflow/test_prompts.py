"""An edited prompt runs the steps again that ask with it, and what follows from them: real plans of a finished run."""

import json
import re
import shutil

import pytest

from repository import also_long
from viper.tools import call
from viper.workflow.graph import from_json

pytestmark = pytest.mark.slow
PROMPTS = "src/viper/prompts"

# What asks with each prompt at smoke scale; what follows from its answers is read from the graph.
ASKING = {
    # … for opinions, too, of which there are several
    "micro/caption": {"caption_images", "critique_captions", "refine_captions", "measure_fidelity"},
    "micro/critique": {"critique_captions", "measure_fidelity"},
    "micro/refine": {"refine_captions"},
    "micro/entities": {"refine_captions"},
    "micro/csr": {"assemble_datasets", "cold_samples", "measure_fidelity"},
    "micro/vop": {"assemble_datasets", "cold_samples", "measure_fidelity"},
    "paper/caption": set(),
    "paper/critique": set(),
    "paper/refine": set(),
    "paper/entities": set(),
    "paper/csr": set(),
    "paper/vop": set(),
    "cards/dataset": {"describe_datasets"},
}
# What an edit plans because of itself alone: critiques and refinements of other captions have other inputs besides.
DIRECT = ASKING | {"micro/caption": {"caption_images", "measure_fidelity"}}
PLANNED = ("micro/caption", "paper/caption", "cards/dataset")


@pytest.fixture(scope="module")
def graph(finished_plan):
    return graph_of(finished_plan)


def graph_of(workflow):
    """All jobs of a copy, as its own package sees them."""
    return from_json(call("viper", "graph", "all", "--scale", "smoke", root=workflow.root))


@pytest.fixture(scope="module")
def finished_plan(copy_repository):
    """A copy in which every file of `all` lies, empty, and Snakemake holds all of them for made by the present code."""
    workflow = copy_repository()
    for job in graph_of(workflow).jobs:
        for name in job.outputs:
            path = workflow.root / name
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
    workflow.snakemake("--touch", "--forceall", "--", "all")
    return workflow


def planned(workflow):
    """All rules of the plan, and those that nothing but their own parameters brings into it."""
    text = workflow.snakemake("--dry-run", "--", "all").stdout
    if "Nothing to be done" in text:
        return set(), set()
    jobs = re.findall(r"^(?:local)?rule (\w+):\n((?: .*\n)*)", text, re.MULTILINE)
    direct = {rule for rule, facts in jobs if re.search(r"reason: .*Params have changed", facts)}
    return {rule for rule, _ in jobs} - {"all"}, direct


def follows(graph, rules):
    """The rules, and all that read what they make; a card alone trains nothing anew (rules/training.smk)."""
    found = {job for job in graph.jobs if job.rule in rules}
    while True:
        made = {path for job in found for path in job.outputs if not path.endswith("README.md")}
        more = {job for job in graph.jobs if made & set(job.inputs)} - found
        if not more:
            return {job.rule for job in found}
        found |= more


def test_all_prompts_have_their_test_and_nothing_is_planned_before(finished_plan):
    assert planned(finished_plan) == (set(), set())
    folder = finished_plan.root / PROMPTS
    assert {path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.jinja")} == set(ASKING)


@pytest.fixture
def edited(finished_plan):
    """Return a function that adds a word to prompts; they are as before when the test ends."""
    folder, before = finished_plan.root / PROMPTS, {}

    def edit(*prompts):
        for prompt in prompts:
            path = folder / f"{prompt}.jinja"
            before[path] = path.read_text()
            path.write_text(before[path].rstrip() + " Word.\n")

    yield edit
    for path, text in before.items():
        path.write_text(text)


@pytest.mark.parametrize("prompts", [list(ASKING)[::2], list(ASKING)[1::2]])  # of a step only three causes are named
def test_each_step_is_made_anew_because_of_the_prompts_that_it_asks_with(finished_plan, edited, prompts):
    edited(*prompts)
    lines = finished_plan.run("viper", "why", "all", "--scale", "smoke").stdout.splitlines()
    reasons = {line.split()[0]: set(re.findall(r"prompt (\w+/\w+)", line)) for line in lines[1:]}
    rules = set().union(*(ASKING[prompt] for prompt in prompts))
    asked_with = {rule: {prompt for prompt in prompts if rule in ASKING[prompt]} for rule in rules}
    assert {step: named for step, named in reasons.items() if named} == asked_with


@pytest.mark.parametrize("prompt", [*PLANNED, *also_long(name for name in ASKING if name not in PLANNED)])
def test_editing_a_prompt_plans_the_steps_that_ask_with_it(finished_plan, graph, edited, prompt):
    edited(prompt)
    everything, direct = planned(finished_plan)
    assert direct == DIRECT[prompt]
    assert everything == follows(graph, ASKING[prompt])


def test_another_prompt_set_makes_other_prompts_count(finished_plan):
    """The set is a parameter; the prompts of the set that is left count no longer."""
    scales = f"scales={json.dumps({'smoke': {'synthesis': {'prompts': 'paper'}}})}"
    text = finished_plan.snakemake(scales, "--dry-run", "--", "dataset").stdout
    before = set(re.findall(r"now: (.+)", text))
    path = finished_plan.root / PROMPTS / "paper/caption.jinja"
    shutil.copy(path, finished_plan.root / "kept")
    path.write_text("Other words.")
    try:
        text = finished_plan.snakemake(scales, "--dry-run", "--", "dataset").stdout
    finally:
        shutil.copy(finished_plan.root / "kept", path)
    assert set(re.findall(r"now: (.+)", text)) != before
