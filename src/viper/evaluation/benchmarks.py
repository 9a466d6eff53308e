"""The file of a benchmark: drawn, or a link to the official one."""

import os
from pathlib import Path

from viper.config.evaluation import Split
from viper.evaluation import world
from viper.files import atomic_write


def provide(
    name: str, source: str, folder: str | None, split: Split, output: Path, *, admitted_only: bool = False
) -> None:
    """Make `output` the TSV of benchmark `name`: drawn, or a link to the official file.

    Args:
        source, folder: of the section `evaluation`.
        split: how it is drawn; official files are not.
        admitted_only: of what is drawn, only the kinds of question that are admitted.

    Raises:
        ViperError: unknown micro benchmark, or it may ask nothing; or the official file is missing or not intact.
    """
    if source == "world":
        world.write(name, split, output, admitted_only=admitted_only)
        return
    from viper.evaluation.vlmevalkit import require_data

    official = require_data(name, Path(folder)).resolve()
    with atomic_write(output) as partial:
        partial.symlink_to(os.path.relpath(official, output.resolve().parent))
