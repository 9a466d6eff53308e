"""The file of a benchmark: drawn, or a link to the official one."""

import os
from pathlib import Path

from viper.config.evaluation import BenchmarkOptions
from viper.evaluation import world
from viper.files import atomic_write


def provide(name: str, options: BenchmarkOptions, output: Path) -> None:
    """Make `output` the TSV of benchmark `name`: drawn, or a link to the official file.

    Raises:
        ViperError: unknown micro benchmark, or the official file is missing or not intact.
    """
    if options.source == "world":
        world.write(name, options.split.seed, options.split.size, options.split.pictures, output)
        return
    from viper.evaluation.vlmevalkit import require_data

    source = require_data(name, Path(options.folder)).resolve()
    with atomic_write(output) as partial:
        partial.symlink_to(os.path.relpath(source, output.resolve().parent))
