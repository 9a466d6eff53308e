"""Which processes share a step: the ones that `accelerate launch` started for it, and never those of somebody else.

torch, accelerate and transformers look for a launcher's variables in the environment, and wait for its other processes
where they find them: an interactive job of a cluster, or a notebook, may have set them for something else.
"""

import logging
import os

from viper.errors import ViperError

log = logging.getLogger(__name__)

# What launchers set (torchrun, accelerate, and the MPIs that accelerate asks on a CPU).
_NAMES = {
    *("RANK", "LOCAL_RANK", "GROUP_RANK", "ROLE_RANK", "NODE_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE"),
    *("ROLE_WORLD_SIZE", "GROUP_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "FORK_LAUNCHED"),
    *("PMI_SIZE", "PMI_RANK", "MPI_LOCALNRANKS", "MPI_LOCALRANKID"),
}
_PREFIXES = ("ACCELERATE_", "FSDP_", "PARALLELISM_CONFIG_", "TORCHELASTIC_", "OMPI_COMM_WORLD_", "MV2_COMM_WORLD_")


def work_alone() -> None:
    """Take a launcher's variables out of the environment: this process does its work without others."""
    foreign = sorted(name for name in os.environ if name in _NAMES or name.startswith(_PREFIXES))
    for name in foreign:
        del os.environ[name]
    if foreign:
        log.info("not taken from the environment, this step runs in one process: %s", ", ".join(foreign))


def work_together(number: int, *, launched: bool | None = None) -> None:
    """Prepare this process to be one of `number` that share a step.

    Args:
        launched: whether `accelerate launch` starts it, which may also be for one process: then the launcher's
            variables are meant for it. None: where there are several.

    Raises:
        ViperError: `accelerate launch` has not started as many.
    """
    if not (number > 1 if launched is None else launched):
        work_alone()
        return
    started = os.environ.get("WORLD_SIZE", "1")
    rank = os.environ.get("RANK", "0" if number == 1 else "")
    if started != str(number) or not rank.isdecimal() or int(rank) >= number:
        raise ViperError(
            f"training.machine.devices is {number}, but this is process {rank or '0'} of {started}: the rule `train` "
            f"starts it as `accelerate launch --num_processes {number} -m viper train …`"
        )
