"""Parts of params.yaml as the rules hand them to a command: one JSON string, checked again on arrival."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError

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
        problems = "; ".join(
            f"{'.'.join(map(str, problem['loc'])) or 'value'}: {problem['msg']}" for problem in error.errors()
        )
        raise ViperError(f"{name} is no valid {model.__name__}: {problems}") from error
