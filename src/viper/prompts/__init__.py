"""The prompts of the loop: Jinja files, one set per folder (`micro`: few words, `paper`: full English).

The folder `cards` holds the texts that accompany data sets.

The name of a prompt is the name of its step: caption, critique, refine, entities (synthesis), csr and vop (the two
tasks that are trained). A prompt holds text only; the images of a chat are put before it, in order.
"""

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, TemplateNotFound, UndefinedError

from viper.errors import ViperError

FOLDER = Path(__file__).parent


@cache
def _environment() -> Environment:
    return Environment(loader=FileSystemLoader(FOLDER), undefined=StrictUndefined, autoescape=False)


@cache
def _template(prompt_set: str, name: str) -> Template:
    try:
        return _environment().get_template(f"{prompt_set}/{name}.jinja")
    except TemplateNotFound as error:
        known = sorted(f"{path.parent.name}/{path.stem}" for path in FOLDER.glob("*/*.jinja"))
        raise ViperError(f"no prompt '{prompt_set}/{name}' in {FOLDER.name}/; there are: {', '.join(known)}") from error


def render(prompt_set: str, name: str, **fields: Any) -> str:
    """Return the text of prompt `name` of `prompt_set` with its fields filled in.

    Raises:
        ViperError: no such prompt, or a field that the prompt names is missing.
    """
    try:
        return _template(prompt_set, name).render(**fields).strip()
    except UndefinedError as error:
        raise ViperError(f"prompt '{prompt_set}/{name}': {error.message}; pass it to render()") from error
