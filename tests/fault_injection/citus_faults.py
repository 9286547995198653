"""Faults of a Citus cluster whose nodes run on this machine: killed, frozen, cut off, moved.

The run replaces the database ``faults`` on all nodes. A node's processes are found by the PID in
its data directory, and a killed one is started again by the command line that it had.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.fault_injection.fault import Fault, FaultNotSupported
from tests.fault_injection.harness import CITUS_DATABASE, Harness
from tests.support.citus import CitusNodes

READY_SECONDS = 60.0
_PLACEMENTS = """
SELECT s.shardid, s.nodename, s.nodeport FROM citus_shards s
WHERE s.table_name = 'ingest_measurement'::regclass ORDER BY 1
"""
_MOVE = "SELECT citus_move_shard_placement(%s, %s, %s, %s, %s, 'force_logical')"


@dataclass(frozen=True)
class Node:
    """A node of the cluster on this machine; ``number`` is its place in ``CitusNodes``."""

    nodes: CitusNodes
    number: int

    @property
    def address(self) -> tuple[str, int]:
        return self.nodes.nodes[self.number]

    def data_directory(self) -> Path:
        with psycopg.connect(self.nodes.address("postgres", self.number)) as session:
            row = session.execute("SHOW data_directory").fetchone()
        assert row is not None
        return Path(row[0])

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                psycopg.connect(self.nodes.address(CITUS_DATABASE, self.number)).close()
            except psycopg.OperationalError:
                assert time.monotonic() < deadline, f"node {self.address} does not start"
                time.sleep(0.2)
            else:
                return


def _choose_worker(harness: Harness, rng: random.Random) -> Node:
    assert harness.citus is not None
    return Node(harness.citus, rng.randrange(1, len(harness.citus.nodes)))


def _processes(postmaster: int) -> list[int]:
    """Return the PID of a server and those of its children."""
    listed = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(postmaster)], capture_output=True, text=True, check=False
    )
    return [postmaster, *map(int, listed.stdout.split())]


def _postmaster(data: Path) -> int:
    return int((data / "postmaster.pid").read_text().split()[0])


def _is_running(process: int) -> bool:
    try:
        status = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return status != "Z"


def _send(processes: list[int], number: signal.Signals) -> None:
    for process in processes:
        try:
            os.kill(process, number)
        except ProcessLookupError:
            continue
        except PermissionError as error:
            raise FaultNotSupported("the nodes run as another user") from error


def _kill(harness: Harness, rng: random.Random) -> str:
    node = _choose_worker(harness, rng)
    data = node.data_directory()
    process = _postmaster(data)
    command = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")[:-1]
    owner = Path(f"/proc/{process}").stat()
    variables = Path(f"/proc/{process}/environ").read_bytes().split(b"\0")
    environment = dict(each.split(b"=", 1) for each in variables if b"=" in each)
    killed = _processes(process)
    _send(killed, signal.SIGKILL)
    time.sleep(rng.uniform(0.5, 6.0))
    while any(map(_is_running, killed)):
        time.sleep(0.1)
    # The killed server may still be a zombie, which the next one would take for a running one.
    (data / "postmaster.pid").unlink(missing_ok=True)
    with (data / "log.after_kill").open("ab") as log:
        subprocess.Popen(
            command, user=owner.st_uid, group=owner.st_gid, extra_groups=[], cwd=data,
            env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    node.wait_until_ready()
    return f"worker {node.address[1]}"


def _freeze(harness: Harness, rng: random.Random) -> str:
    node = _choose_worker(harness, rng)
    processes = _processes(_postmaster(node.data_directory()))
    seconds = rng.uniform(1.0, 9.0)
    _send(processes, signal.SIGSTOP)
    time.sleep(seconds)
    _send(processes, signal.SIGCONT)
    return f"worker {node.address[1]} for {seconds:.1f} s"


def _cut_off(harness: Harness, rng: random.Random) -> str:
    node = _choose_worker(harness, rng)
    if shutil.which("iptables") is None:
        raise FaultNotSupported("iptables is missing (apt install iptables)")
    seconds = rng.uniform(1.0, 9.0)
    rules = [
        ["INPUT", "-p", "tcp", side, str(node.address[1]), "-j", "DROP"]
        for side in ("--dport", "--sport")
    ]
    try:
        for rule in rules:
            if subprocess.run(["iptables", "-I", *rule], check=False).returncode:
                raise FaultNotSupported("iptables does not work here")
        time.sleep(seconds)
    finally:
        for rule in rules:
            subprocess.run(["iptables", "-D", *rule], check=False, capture_output=True)
    return f"worker {node.address[1]} for {seconds:.1f} s"


def _move(harness: Harness, rng: random.Random) -> str:
    """Move the shards of some identities to another worker, as a rebalance does each of its."""
    assert harness.citus is not None
    with harness.connect(statement_timeout="60000") as session:
        shard, host, port = rng.choice(session.execute(_PLACEMENTS).fetchall())
        others = [node for node in harness.citus.nodes[1:] if node != (host, port)]
        if not others:
            raise FaultNotSupported("the cluster has one worker")
        target = rng.choice(others)
        try:
            session.execute(_MOVE, [shard, host, port, *target])
        except psycopg.Error as error:  # a node is still away: nothing moved
            return f"shard {shard} stays: {str(error).splitlines()[0]}"
    return f"shard {shard} from {port} to {target[1]}"


FAULTS = (
    Fault("kill -9 a Citus worker", _kill),
    Fault("freeze a Citus worker", _freeze),
    Fault("cut a Citus worker off", _cut_off),
    Fault("move shards under load", _move),
)
