"""The method of params.yaml, for tests that make a section of their own."""

from pathlib import Path
from typing import Any

from viper.config.inheritance import resolve
from viper.config.loading import merge
from viper.config.yaml_file import read_yaml

METHOD = resolve(read_yaml(Path(__file__).parents[1] / "params.yaml"))


def method(key: str, **changes: Any) -> dict[str, Any]:
    """What params.yaml says under a dotted key, such as "reward" or "training.phases.csr", with changes."""
    section = METHOD
    for part in key.split("."):
        section = section[part]
    return merge(section, changes)
