"""The file of a benchmark: drawn, or a link to the table of the official one."""

import os
from pathlib import Path

from viper import layout
from viper.config.evaluation import Split
from viper.errors import ViperError
from viper.evaluation import world
from viper.files import atomic_write


def provide(
    name: str, source: str, folder: str | None, split: Split, output: Path, *, admitted_only: bool = False
) -> None:
    """Make `output` the TSV of benchmark `name`: drawn, or a link to the table of the unpacked one.

    Args:
        source, folder: of the section `evaluation`.
        split: how it is drawn; official files are not.
        admitted_only: of what is drawn, only the kinds of question that are admitted.

    Raises:
        ViperError: unknown micro benchmark, or it may ask nothing; or the official one is not unpacked.
    """
    if source == "world":
        world.write(name, split, output, admitted_only=admitted_only)
        return
    from viper.evaluation.unpacked import TABLE, is_unpacked

    table = (Path(layout.unpacked(folder, name)).parent / TABLE).resolve()
    if not is_unpacked(table):
        raise ViperError(f"benchmark {name}: {table.parent} is missing: unpack it first (rule unpack_benchmark)")
    with atomic_write(output) as partial:
        partial.symlink_to(os.path.relpath(table, output.resolve().parent))
