"""Parts of params.yaml as the rules hand them to a command: one JSON string, checked again on arrival."""

import json
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from viper.config.explaining import explain
from viper.errors import ViperError

Section = TypeVar("Section", bound=BaseModel)


def read_options(model: type[Section], text: str, name: str = "--options") -> Section:
    """Parse a JSON option with the pydantic model of its section.

    Raises:
        ViperError: it is no JSON, or it does not fit the section.
    """
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        try:
            problems = explain(error, json.loads(text), model)
        except (ValueError, RecursionError):
            problems = [problem["msg"] for problem in error.errors()]
        raise ViperError(f"{name} is no valid {model.__name__}: {'; '.join(problems)}") from error
