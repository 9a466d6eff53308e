"""The prompt files."""

import pytest

from viper.errors import ViperError
from viper.prompts import render

FIELDS = {
    "caption": [],
    "critique": ["caption"],
    "refine": ["caption", "refinements"],
    "entities": ["caption"],
    "csr": ["caption"],
    "vop": [],
}


@pytest.mark.parametrize("prompt_set", ["micro", "paper"])
@pytest.mark.parametrize("name", FIELDS)
def test_every_set_has_every_prompt_with_the_same_fields(prompt_set, name):
    values = {field: f"<{field} goes here>" for field in FIELDS[name]}
    text = render(prompt_set, name, **values)
    assert all(value in text for value in values.values())
    assert text == text.strip()
    assert "{{" not in text
    for field in values:
        with pytest.raises(ViperError, match=field):
            render(prompt_set, name, **{key: value for key, value in values.items() if key != field})


@pytest.mark.parametrize("name", FIELDS)
def test_paper_prompts_ask_for_the_format(name):
    text = render("paper", name, **dict.fromkeys(FIELDS[name], "x"))
    assert all(tag in text for tag in ("<think>", "</think>", "<answer>", "</answer>"))


def test_unknown_prompt_lists_the_known():
    with pytest.raises(ViperError, match=r"micro/capton.*micro/caption"):
        render("micro", "capton")
