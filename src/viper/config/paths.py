"""Names of files and folders as params.yaml may give them."""

import unicodedata
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, Field

LONGEST_NAME, LONGEST_PATH = 255, 2000  # bytes; with what rules add, a path stays below the 4,096 of Linux


def usable(path: str) -> str:
    """The path without doubled or trailing slashes: one folder has one name. `..` stays, as it may go through a link.

    Raises:
        ValueError: Snakemake or a shell's user would take it for something else than a name.
    """
    if "{" in path or "}" in path:
        raise ValueError(f"{path!r} has braces, which Snakemake takes for a wildcard: rename the file or folder")
    is_plain = path.isprintable()  # a quick answer for nearly all
    if not is_plain and any(unicodedata.category(character).startswith("C") for character in path):
        raise ValueError(f"{path!r} has a control character or one that is no text: rename the file or folder")
    if path.startswith("~"):
        raise ValueError(f"{path!r}: '~' is not expanded here: write the folder's whole path")
    if path != path.strip():
        raise ValueError(f"{path!r} begins or ends with a space: remove it, or rename the file or folder")
    if len(path.encode()) > LONGEST_PATH or any(len(part.encode()) > LONGEST_NAME for part in path.split("/")):
        raise ValueError(
            f"{path[:40]!r}… is too long: a name may have {LONGEST_NAME} bytes, a path {LONGEST_PATH}; shorten it"
        )
    return str(PurePosixPath("/" + path.lstrip("/") if path.startswith("/") else path))


PathText = Annotated[str, Field(min_length=1), AfterValidator(usable)]
