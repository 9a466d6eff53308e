"""Not a logger: the one place where Snakemake lets a package speak before it reads --config and --configfile.

Snakemake imports every installed `snakemake_logger_plugin_*` when it builds its command line, whether or not a run
asks for it. What cannot be parameters then ends in one message (`viper.config.command_line`). Other workflows are left
alone.
"""

import sys
from pathlib import Path

from snakemake_interface_logger_plugins.base import LogHandlerBase as LogHandler

__all__ = ["LogHandler"]

_program = Path(sys.argv[0])
_is_snakemake = _program.stem == "snakemake" or (_program.parent.name, _program.name) == ("snakemake", "__main__.py")

if _is_snakemake and Path.cwd() == Path(__file__).resolve().parents[2]:
    from snakemake.exceptions import CliException

    from viper.config.command_line import check
    from viper.errors import ViperError

    try:
        check(sys.argv[1:])
    except ViperError as error:
        raise CliException(str(error)) from None
