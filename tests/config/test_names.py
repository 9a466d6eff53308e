"""Names of experiments collide with nothing, and what they must not collide with is what the rules say."""

import re
from pathlib import Path

import pytest

from viper import layout
from viper.config.loading import load
from viper.config.names import ENDINGS, FILES, OWN_RULES, RULES
from viper.config.questions import OpenQuestions
from viper.errors import ViperError

ROOT = Path(__file__).parents[2]
TEXT = "\n".join(path.read_text() for path in [ROOT / "Snakefile", *sorted((ROOT / "rules").rglob("*.smk"))])
QUESTIONS = set(OpenQuestions.model_fields)  # whose names are targets like those of experiments
STEPS = {"captions", "reconstructions", "critiques", "refinements", "operations", "edits"}  # named in a loop


def test_rules_and_targets_are_those_of_the_files():
    named = set(re.findall(r"^ *(?:rule|checkpoint|use rule \w+ as) (\w+)(?: with)?:", TEXT, re.MULTILINE)) | STEPS
    assert set(RULES) == named - {"main", *OWN_RULES} - QUESTIONS


def test_tables_and_figures_are_those_of_the_files():
    made = re.findall(r"\b(?:L\.table|L\.figure|L\.once|figure)\((\w+|[\"']\w+[\"']), [\"']([a-z_]+)[.\"']", TEXT)
    named = {name for _, name in made}
    assert {"subdomains", "attention_maps", "loop", "cost", "fidelity", "tau_roc", "synthesis_audit"} <= named
    of_questions = {f"{question}{ending}" for question in QUESTIONS for ending in ENDINGS}
    assert named - {"main", "main_claims", "scores"} - of_questions <= set(FILES)  # `scores` is a target, too


def test_folders_beside_those_of_experiments_are_no_names_of_experiments():
    targets = {target.strip("\"'") for target in re.findall(r"\b(?:L\.\w+|figure)\(([\"']\w+[\"']), ", TEXT)}
    assert {"claims", "threshold", "audit_synthesis", "figure_attention"} <= targets
    taken = {*RULES, *FILES, "main", *OWN_RULES} | QUESTIONS
    assert {*targets, *layout.SHARED, layout.REPORT, "bench"} <= taken


@pytest.mark.parametrize(
    "names",
    [
        *([name] for name in ("main_claims", "main_subdomains", "tau", "claims", "fidelity", "tau_roc", "words")),
        *([name] for name in (*layout.SHARED, layout.REPORT)),
        *([name] for name in ("all", "fetch", "images", "train", "evaluate_base", "train_main", "plot_speed", "cost")),
        ["order", "order_claims"],
        ["order", "order_rewards"],
        ["order", "train_order"],
        ["order", "plot_order_rewards"],
    ],
    ids="-".join,
)
def test_what_is_made_twice_is_refused(names):
    experiments = {"main": ["base"], **{name: ["base"] for name in names}}
    with pytest.raises(ViperError, match=rf"experiments\.{names[-1]}: '\w+' is made by .* another name"):
        load("smoke", ROOT / "params.yaml", {"experiments": experiments})


def test_other_names_are_taken():
    experiments = {"main": ["base"], "order": ["base"], "train_longer": ["base"], "claims_of_mine": ["base"]}
    load("smoke", ROOT / "params.yaml", {"experiments": experiments})
