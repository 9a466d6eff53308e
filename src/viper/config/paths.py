"""Names of files and folders as params.yaml may give them."""

import unicodedata
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, Field


def usable(path: str) -> str:
    """The path without doubled or trailing slashes: one folder has one name. `..` stays, as it may go through a link.

    Raises:
        ValueError: Snakemake or a shell's user would take it for something else than a name.
    """
    if "{" in path or "}" in path:
        raise ValueError(f"{path!r} has braces, which Snakemake takes for a wildcard: rename the file or folder")
    if any(unicodedata.category(character).startswith("C") for character in path):
        raise ValueError(f"{path!r} has a control character or one that is no text: rename the file or folder")
    if path.startswith("~"):
        raise ValueError(f"{path!r}: '~' is not expanded here: write the folder's whole path")
    if path != path.strip():
        raise ValueError(f"{path!r} begins or ends with a space: remove it, or rename the file or folder")
    return str(PurePosixPath("/" + path.lstrip("/") if path.startswith("/") else path))


PathText = Annotated[str, Field(min_length=1), AfterValidator(usable)]
