"""Training on several nodes of one Slurm job: a launcher on each, which meet on the first.

    python -m viper.cluster.nodes start NODES accelerate launch …

runs where Slurm started the job, on its first node. By `srun` it starts on each node

    python -m viper.cluster.nodes join PORT accelerate launch …

which tells the launcher how many nodes there are, which one this is, and where the first one can be reached: all of it
from Slurm. That process also hears when the job is about to end (`viper.cluster.ending`).
"""

import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence

from viper.cluster import ending, slurm
from viper.errors import ViperError


def start_command(nodes: int, port: int, command: Sequence[str]) -> list[str]:
    """The command that starts a launcher on each node; its step gets all that the job has there."""
    return [
        *("srun", f"--nodes={nodes}", f"--ntasks={nodes}", "--ntasks-per-node=1", "--cpu-bind=none"),
        *("--kill-on-bad-exit=1", "python", "-m", "viper.cluster.nodes", "join", str(port), *command),
    ]


def joined_command(command: Sequence[str], address: str, port: int, environment: Mapping[str, str]) -> list[str]:
    """`accelerate launch …` with what it has to know of the other nodes.

    Args:
        address: of the first node.
        environment: that of a Slurm step with one process a node.
    """
    program, verb, *rest = command
    meeting = ["--main_process_ip", address, "--main_process_port", str(port), "--same_network"]
    which = ["--num_machines", environment["SLURM_NNODES"], "--machine_rank", environment["SLURM_NODEID"]]
    return [program, verb, *which, *meeting, *rest]


def address_of_first(nodes: str) -> str:
    """How Slurm reaches the first of these nodes.

    Args:
        nodes: as Slurm writes a list of them, such as gpu[03-04].

    Raises:
        ViperError: Slurm does not answer.
    """
    first = slurm.ask("scontrol", "show", "hostnames", nodes).split()[0]
    return slurm.ask("sinfo", "--noheader", "--Node", f"--nodes={first}", "--format=%o").split()[0]


def _start(nodes: int, command: Sequence[str]) -> None:
    """Become `srun` with a launcher on each node.

    Raises:
        ViperError: this is no job of Slurm's.
    """
    if "SLURM_JOB_ID" not in os.environ:
        raise ViperError(
            f"training.machine.nodes is {nodes}, and this is no job of Slurm's: run with --profile slurm, or set "
            "nodes to 1 and devices to the GPUs of this machine"
        )
    with socket.socket() as free:
        free.bind(("", 0))
        port = free.getsockname()[1]
    os.execvp("srun", start_command(nodes, port, command))


def _join(port: int, command: Sequence[str]) -> int:
    """Run the launcher of this node to its end; its exit status, or 128 and the number of the signal that ended it."""
    address = address_of_first(os.environ["SLURM_STEP_NODELIST"])
    ending.be_deaf()  # before the launcher exists: it inherits that
    launcher = subprocess.Popen(joined_command(command, address, port, os.environ))
    ending.listen()
    status = launcher.wait()
    return status if status >= 0 else 128 - status


def main(arguments: Sequence[str]) -> int:
    """See this module's text."""
    verb, number, *command = arguments
    if verb == "start":
        _start(int(number), command)
    return _join(int(number), command)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except ViperError as error:
        sys.exit(f"error: {error}")
