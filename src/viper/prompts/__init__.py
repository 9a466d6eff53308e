"""The prompts of the loop: Jinja files, one set per folder (`micro`: few words, `paper`: full English).

The folder `cards` holds the texts that accompany data sets.

Call `render` with the prompt's name in words: which prompts per step depends on is read from these calls
(viper/workflow/rendered.py). An edit of a prompt then runs the steps again that ask with it, and what follows.

The name of a prompt is the name of its step: caption, critique, refine, entities (synthesis), csr and vop (the two
tasks that are trained). A prompt holds text only; the images of a chat are put before it, in order.
"""

from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, TemplateNotFound, UndefinedError, meta

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


def files(sets: Collection[str] | None = None, name: str | None = None) -> set[Path]:
    """The files of one prompt in some sets, and those that they include; None stands for any set, and any name.

    Any set is any but `cards`, whose texts ask nothing.
    """
    return {
        FOLDER / used
        for path in FOLDER.glob(f"*/{name or '*'}.jinja")
        if (path.parent.name in sets if sets is not None else path.parent.name != "cards")
        for used in _included(path.relative_to(FOLDER).as_posix())
    }


@cache
def _included(template: str) -> frozenset[str]:
    """A template and all that it includes, extends or imports."""
    text = (FOLDER / template).read_text(encoding="utf-8")
    named = meta.find_referenced_templates(_environment().parse(text))
    return frozenset({template}).union(*(_included(other) for other in named if other and other != template))
