"""`viper folder`: where the tables of every target that has some lie."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from viper.commands import build

ROOT = Path(__file__).parents[2]


def folder(*arguments):
    """The exit status and what was printed."""
    result = CliRunner().invoke(build(), ["folder", *arguments])
    return result.exit_code, (result.stdout or str(result.exception)).strip()


@pytest.fixture(autouse=True)
def here(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("target", ["ablation_stages", "needle", "open_questions", "claims"])
def test_every_target_with_tables_has_one(target):
    assert folder(target, "scale=smoke") == (0, f"results/smoke/{target}")


def test_it_depends_on_the_seeds():
    assert folder("main", "scale=smoke", "scales={smoke: {seeds: [7]}}") == (0, "results/smoke/main-seed7")


def test_a_question_that_is_not_asked_is_none_of_them():
    status, message = folder("needle", "scale=smoke", "scales={smoke: {open_questions: {needle: null}}}")
    assert status == 1
    assert message.startswith("needle: no target with tables; there are: main, ")
    assert "skills" in message
    assert "needle" not in message.partition(";")[2]
