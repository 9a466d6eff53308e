"""The open questions at smoke scale: from nothing to answers that may be quoted."""

import json
import shutil

import pandas as pd
import pytest

from repository import duplicate
from viper.config import load
from viper.config.questions import OpenQuestions
from viper.questions.answers import COLUMNS

VERDICTS = {"supported", "not supported", "equal", "inconclusive", "not measured"}
COURSES = {"gain", "plateau", "collapse", "undecided"}


def answers(workflow):
    """The gathered answers, as a reader finds them, each whole."""
    gathered = pd.read_csv(workflow.root / "results/smoke/open_questions/answers.csv")
    assert list(gathered.columns) == COLUMNS
    assert not gathered.duplicated(["question", "claim"]).any()
    assert set(gathered["verdict"]) <= VERDICTS | COURSES
    assert not gathered["sentence"].str.contains("[{}]|nan", regex=True).any(), "every field of a sentence is filled"
    page = (workflow.root / "results/smoke/open_questions/answers.md").read_text(encoding="utf-8")
    assert all(sentence in page for sentence in gathered["sentence"])
    return gathered


@pytest.mark.slow
def test_one_question_is_answered_where_the_others_are_left_out(finished, tmp_path):
    workflow = duplicate(finished, tmp_path / "checkout")
    for folder in (workflow.root / "models/smoke").iterdir():
        if folder.name != "base.csr":
            shutil.rmtree(folder)
    asked = dict.fromkeys(OpenQuestions.model_fields) | {"needle": {"lineages": ["base", "base.csr"], "pictures": 4}}
    workflow.snakemake(f"scales={json.dumps({'smoke': {'open_questions': asked}})}", "--", "open_questions")
    gathered = answers(workflow)
    assert set(gathered["question"]) == {"needle"}
    assert (gathered["items"] == 4).all()
    assert (workflow.root / "results/smoke/needle/needle_shares.png").exists()
    there = [path.parts[-3] for path in (workflow.root / "models").glob("smoke/*/*/manifest.json")]
    assert set(there) == {"base.csr"}, "nothing is trained but what it asks for"


@pytest.mark.long
def test_every_question_is_answered(copy_repository):
    workflow = copy_repository()
    workflow.snakemake("--", "open_questions")
    assert set(answers(workflow)["question"]) == set(load("smoke").questions)
    assert set(OpenQuestions.model_fields) == set(load("smoke").questions)
