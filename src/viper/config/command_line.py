"""What a command line gives to parameters: of Snakemake, before Snakemake reads it, and of our own commands.

Snakemake ends in a traceback at what it cannot parse, and executes expressions of a --configfile that says
`__use_yte__`.
"""

import argparse
import json
import re
from collections.abc import Sequence
from typing import Any

from viper.config.loading import assigned
from viper.config.yaml_file import read_yaml
from viper.errors import ViperError

NULLS = ("", "null", "Null", "NULL", "~")


def check(arguments: Sequence[str]) -> None:
    """Stop at what --config and --configfile cannot mean.

    Args:
        arguments: of Snakemake; what is no concern of parameters is passed over.

    Raises:
        ViperError: a --config that is no KEY=VALUE or whose key is not one word, or a --configfile that cannot be read.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--config", "-C", nargs="*", default=[])
    parser.add_argument("--configfile", "--configfiles", nargs="+", default=[])
    try:
        known, _ = parser.parse_known_args(list(arguments))
    except argparse.ArgumentError:  # no value where one must be: Snakemake says so itself
        return
    for assignment in known.config:
        key, is_there, value = assignment.partition("=")
        if not is_there:
            raise ViperError(
                f"--config {assignment}: write KEY=VALUE, for example scale=smoke; targets stand behind --"
            )
        if not re.fullmatch(r"[A-Za-z_][\w-]*\w", key):
            raise ViperError(f"--config {assignment}: no such key; {_nested(*key.split('.'), value)}")
        if assigned(assignment)[key] is None and value not in NULLS:
            raise ViperError(f"--config {assignment}: the value says nothing; for none, write {key}=null")
    for path in known.configfile:
        read_yaml(path)


def _nested(first: str, *inner: str) -> str:
    """How to write what was given as dotted: FIRST, the keys below it, and the value."""
    *keys, value = inner
    if not keys:
        return "the keys are scale and scales, and the sections of params.yaml"
    return f"nested, it is '{first}={''.join(f'{{{key}: ' for key in keys)}{value}{'}' * len(keys)}'"


def overrides_of(config: str) -> dict[str, Any]:
    """What a command's own --config sets, which is JSON: the value of a rule's parameter `config`.

    Raises:
        ViperError: it is no JSON object.
    """
    try:
        values = json.loads(config)
    except json.JSONDecodeError as error:
        raise ViperError(f"--config is no JSON ({error}): write it as '{{\"scales\": {{…}}}}'") from error
    if not isinstance(values, dict):
        raise ViperError(f'--config must be an object such as {{"scales": {{…}}}}, not {config}')
    return values
