"""Slurm clusters under a temporary folder, each node with two pretended GPUs, and workflows that run through them."""

import getpass
import itertools
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from repository import Checkout, duplicate, end_of, environment

DAEMONS = ("munged", "slurmctld", "slurmd")
CLIENTS = ("sbatch", "scancel", "scontrol", "sinfo", "squeue", "srun")
GRACE = 60  # seconds that a preempted job has
POLLING_FAST = Path(__file__).with_name("snakemake_polling_fast.py")

SLURM_CONF = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={root}/run/munge.sock
CredType=cred/munge
StateSaveLocation={root}/state
SlurmdSpoolDir={root}/spool/%n
SlurmctldPidFile={root}/run/slurmctld.pid
SlurmdPidFile={root}/run/slurmd-%n.pid
SlurmctldLogFile={root}/log/slurmctld.log
SlurmdLogFile={root}/log/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SwitchType=switch/none
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
ReturnToService=2
MinJobAge=7200
KillWait=2
UnkillableStepTimeout=600
SlurmdTimeout=3600
SlurmdParameters=config_overrides
GresTypes=gpu
"""

PARTITIONS = """\
PartitionName=cpu Nodes=ALL Default=YES MaxTime=1440 State=UP
PartitionName=gpu Nodes=ALL MaxTime=1440 State=UP
"""

# All nodes are this machine.
NODE = """\
NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={cores} Boards=1 SocketsPerBoard=1 \
CoresPerSocket={cores} ThreadsPerCore=1 RealMemory={memory} Gres=gpu:{gpus} State=UNKNOWN
"""

# Empty files stand for the GPUs' device files.
GRES_CONF = "NodeName={name} Name=gpu File={root}/gpu{number}\n"

# Slurm's job steps lose the variable that says where the cluster is described.
CLIENT = """\
#!/bin/sh
SLURM_CONF={root}/slurm.conf exec {client} "$@"
"""


@dataclass
class PrivateSlurm:
    """A cluster that nobody else sees.

    Attributes:
        nodes: their names.
        more: further lines of its description.
        cores, memory, gpus: that each node pretends to have, memory in megabytes.
    """

    root: Path
    nodes: tuple[str, ...] = ("one",)
    more: str = ""
    cores: int = 4
    memory: int = 20000
    gpus: int = 2
    daemons: list[subprocess.Popen] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """The variables that a process needs to talk to this cluster."""
        path = f"{self.root / 'bin'}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        steps = {"VIPER_STEPS": str(self.root / "bin")}  # whose `python` takes orders
        return {"SLURM_CONF": str(self.root / "slurm.conf"), "PATH": path} | steps

    def start(self) -> None:
        """Write the cluster's description, start its daemons, and wait until the node takes jobs."""
        for name in ("run", "state", "spool", "log", "bin"):
            (self.root / name).mkdir()
        host = socket.gethostname().split(".")[0]
        ports = _free_ports(1 + len(self.nodes))
        described = SLURM_CONF.format(root=self.root, host=host, user=getpass.getuser(), ports=ports)
        values = {"root": self.root, "host": host, "cores": self.cores, "memory": self.memory, "gpus": self.gpus}
        nodes = [NODE.format(name=name, port=port, **values) for name, port in zip(self.nodes, ports[1:], strict=True)]
        (self.root / "slurm.conf").write_text("".join([described, *nodes, self.more, PARTITIONS]))
        for number in range(self.gpus):
            (self.root / f"gpu{number}").touch()
        devices = [
            GRES_CONF.format(root=self.root, name=name, number=n) for name in self.nodes for n in range(self.gpus)
        ]
        (self.root / "gres.conf").write_text("".join(devices))
        for client in CLIENTS:
            wrapper = self.root / "bin" / client
            wrapper.write_text(CLIENT.format(root=self.root, client=shutil.which(client)))
            wrapper.chmod(0o755)
        key = self.root / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(secrets.token_bytes(128))
        self._start_munge(key)
        self._start_daemon("slurmctld", "-D", "-c", "-f", str(self.root / "slurm.conf"))
        for name in self.nodes:
            self._start_daemon("slurmd", "-D", "-N", name, "-f", str(self.root / "slurm.conf"))
        self._wait_for(lambda: set(self.ask("sinfo", "--noheader", "--format=%T").split()) == {"idle"})

    def _start_munge(self, key: Path) -> None:
        run = self.root / "run"
        self._start_daemon(
            "munged",
            "--foreground",
            f"--key-file={key}",
            f"--socket={run / 'munge.sock'}",
            f"--pid-file={run / 'munged.pid'}",
            f"--log-file={self.root / 'log' / 'munged.log'}",
            f"--seed-file={self.root / 'munge.seed'}",
        )
        self._wait_for((run / "munge.sock").exists)

    def _start_daemon(self, name: str, *arguments: str) -> None:
        with (self.root / "log" / f"{name}.out").open("a") as output:
            program = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
            command = [program, *arguments]
            self.daemons.append(
                subprocess.Popen(command, env=os.environ | self.environment, stdout=output, stderr=output)
            )

    def _wait_for(self, is_ready: Callable[[], bool], seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not is_ready():
            if time.monotonic() > deadline or any(daemon.poll() is not None for daemon in self.daemons):
                logs = [f"== {path.name}\n{path.read_text()[-1500:]}" for path in sorted(self.root.glob("log/*"))]
                pytest.fail("\n".join(["the private Slurm did not start", *logs]))
            time.sleep(0.1)

    def stop(self) -> None:
        """Cancel what is left and end the daemons, the last started first."""
        self.ask("scancel", "--user", getpass.getuser())
        for daemon in reversed(self.daemons):
            daemon.terminate()
            try:
                daemon.wait(timeout=20)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()

    def ask(self, *command: str) -> str:
        """What one of Slurm's commands prints; empty where it fails."""
        result = subprocess.run(command, env=os.environ | self.environment, capture_output=True, text=True, check=False)
        return result.stdout.strip() if result.returncode == 0 else ""

    def job(self, number: str) -> dict[str, str]:
        """What Slurm knows of a job, for example its JobState and its Restarts."""
        words = self.ask("scontrol", "--oneliner", "show", "job", number).split()
        return dict(word.split("=", 1) for word in words if "=" in word)

    def hold(self, number: str, command: str) -> None:
        """Stop what runs `python -m viper COMMAND` in a running job, until Slurm ends or continues it."""
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                words = process.cmdline()
                ours = ("viper", command) in itertools.pairwise(words)
                if ours and process.environ().get("SLURM_JOB_ID") == number:
                    process.suspend()

    def jobs(self, rule: str, *states: str) -> list[str]:
        """Numbers of the jobs of a rule, oldest first; of these states only, if any is named."""
        listed = self.ask("squeue", "--noheader", "--states=all", "--sort=i", "--format=%i|%T|%k").splitlines()
        fields = [line.split("|") for line in listed]
        return [
            number
            for number, state, comment in fields
            if f"{comment}_".startswith(f"rule_{rule}_") and (not states or state in states)
        ]


def _free_ports(number: int) -> list[int]:
    sockets = [socket.socket() for _ in range(number)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@contextmanager
def running(**described: object) -> Iterator[PrivateSlurm]:
    """A running cluster; without Slurm on this machine the tests that want one are skipped.

    Args:
        described: see `PrivateSlurm`.
    """
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    missing = [name for name in (*DAEMONS, *CLIENTS) if shutil.which(name, path=path) is None]
    if missing:
        pytest.skip(f"no Slurm here ({', '.join(missing)} not found): apt-get install slurm-wlm munge")
    # Not pytest's own folder: munge refuses one that others cannot enter, and its socket's path must be short.
    root = Path(tempfile.mkdtemp(prefix="slurm-"))
    root.chmod(0o755)
    cluster = PrivateSlurm(root, **described)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="session")
def slurm() -> Iterator[PrivateSlurm]:
    """A cluster of one small node."""
    with running() as cluster:
        yield cluster


# A job in the partition `urgent` takes the node of one in `gpu`, which is told, has some seconds, and is queued again.
PREEMPTING = """\
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmctldParameters=preempt_send_user_signal
PartitionName=urgent Nodes=ALL MaxTime=1440 State=UP PriorityTier=10
PartitionName=DEFAULT GraceTime={grace}
"""


@pytest.fixture(scope="module")
def two_nodes() -> Iterator[PrivateSlurm]:
    """A cluster of two nodes whose jobs can be preempted."""
    with running(nodes=("one", "two"), more=PREEMPTING.format(grace=GRACE)) as cluster:
        yield cluster


# Runs the real Python, after doing what the folder `orders` asks for: `fail` makes one command fail once, `hold` makes
# commands wait for as long as the file is there.
PYTHON = """\
#!/bin/sh
if rm {orders}/fail 2>/dev/null; then echo "ordered to fail" >&2; exit 1; fi
while [ -e {orders}/hold ]; do sleep 0.1; done
exec {python} "$@"
"""


@dataclass
class SlurmWorkflow:
    """A copy of the repository whose jobs run on a private Slurm, submitted by the documented command."""

    checkout: Checkout
    cluster: PrivateSlurm

    @property
    def root(self) -> Path:
        """The folder of the copy."""
        return self.checkout.root

    @property
    def orders(self) -> Path:
        """The folder in which a test leaves orders for the next command, see PYTHON."""
        return self.cluster.root / "orders"

    def start(self, *arguments: str, path: str | None = None) -> subprocess.Popen:
        """Start `snakemake --profile slurm` at smoke scale; the arguments may begin with more of its key=value."""
        variables = self.cluster.environment | ({} if path is None else {"PATH": path, "VIPER_STEPS": ""})
        return subprocess.Popen(
            [sys.executable, str(POLLING_FAST), "--profile", "slurm", "--config", "scale=smoke", *arguments],
            cwd=self.root,
            env=environment(self.root, **variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def finish(self, process: subprocess.Popen, check: bool = True) -> str:
        """Wait for the end of a started run and return what it said; `check` fails the test where it failed."""
        said = end_of(process, minutes=30)
        if check and process.returncode:
            pytest.fail("\n".join([said[-6000:], self.checkout.logs()]))
        return said

    def run(self, *arguments: str, check: bool = True, path: str | None = None) -> str:
        """Start a run and wait for its end."""
        return self.finish(self.start(*arguments, path=path), check)

    def wait_for(self, is_so: Callable[[], object], process: subprocess.Popen, seconds: float = 1200) -> None:
        """Wait until something is so while a run is going on."""
        deadline = time.monotonic() + seconds
        while not is_so():
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                pytest.fail(f"what the test waits for did not happen:\n{self.finish(process, check=False)[-6000:]}")
            time.sleep(0.02)


def _on(cluster: PrivateSlurm, checkout: Checkout) -> SlurmWorkflow:
    workflow = SlurmWorkflow(checkout, cluster)
    workflow.orders.mkdir()
    python = cluster.root / "bin" / "python"
    python.write_text(PYTHON.format(orders=workflow.orders, python=sys.executable))
    python.chmod(0o755)
    return workflow


@pytest.fixture(scope="module")
def workflow(finished: Checkout, slurm: PrivateSlurm, tmp_path_factory) -> SlurmWorkflow:
    """A copy of the repository on the cluster, with the data sets of a local run; the tests of a module share it.

    A synthesis under Slurm is what `tests/rehearsal` begins with.
    """
    made = duplicate(finished, tmp_path_factory.mktemp("slurm") / "checkout")
    for name in ("models/smoke", "results/smoke", "data/smoke/benchmarks", "logs", "benchmarks"):
        shutil.rmtree(made.root / name)
    return _on(slurm, made)


@pytest.fixture(scope="module")
def workflow_on_two_nodes(copy_repository, two_nodes: PrivateSlurm) -> SlurmWorkflow:
    """The same on the cluster of two nodes."""
    return _on(two_nodes, copy_repository())
