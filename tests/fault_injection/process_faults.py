"""Faults that kill, freeze or replace processes."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Sequence

from tests.fault_injection.fault import Fault, TargetMissing, signal_one
from tests.fault_injection.harness import Harness
from tests.fault_injection.processes import Process, ProcessSnapshot


def _kill(name: str, select: Callable[[ProcessSnapshot], Sequence[Process]]) -> Fault:
    def inject(harness: Harness, rng: random.Random) -> str:
        return signal_one(select(harness.processes()), rng, signal.SIGKILL)

    return Fault(f"kill -9 {name}", inject)


def _freeze_device_worker(harness: Harness, rng: random.Random) -> str:
    workers = harness.processes().workers("device")
    if not workers:
        raise TargetMissing
    process = rng.choice(workers)
    process.send(signal.SIGSTOP)
    time.sleep(rng.uniform(0.5, 2.0))
    process.send(signal.SIGCONT)
    return f"froze {process.pid}"


def _stop_postgres(harness: Harness, rng: random.Random) -> str:
    # PostgreSQL's fast and immediate shutdown: an operator's stop, and a machine's power-off.
    number = rng.choice([signal.SIGINT, signal.SIGQUIT])
    return signal_one(harness.processes().postmaster(), rng, number)


def _reload(harness: Harness, rng: random.Random) -> str:
    process = harness.stack.process
    if process is None or process.poll() is not None:
        raise TargetMissing
    process.send_signal(signal.SIGHUP)
    return "SIGHUP to up"


def _redeploy(harness: Harness, rng: random.Random) -> str:
    run = harness.stack.manage("migrate", "--no-input", "--verbosity", "0")
    return f"migrate ended with {run.returncode}; {_reload(harness, rng)}"


def _restart(harness: Harness, rng: random.Random) -> str:
    harness.stack.stop(signal.SIGTERM)
    harness.stack.start()
    return "up ended and started"


def _kill_up(harness: Harness, rng: random.Random) -> str:
    harness.stack.stop(signal.SIGKILL)
    harness.stack.start()
    return "up killed and started"


FAULTS = (
    _kill("a device worker", lambda processes: processes.workers("device")),
    _kill("the device gunicorn", lambda processes: processes.master("device")),
    _kill("the staff gunicorn", lambda processes: processes.master("staff")),
    Fault("freeze a device worker", _freeze_device_worker),
    _kill("an nginx worker", lambda processes: processes.nginx_workers()),
    _kill("nginx", lambda processes: processes.nginx_master()),
    _kill("a PostgreSQL backend", lambda processes: processes.backends()),
    _kill("the postmaster", lambda processes: processes.postmaster()),
    Fault("stop PostgreSQL", _stop_postgres),
    Fault("reload", _reload),
    Fault("redeploy", _redeploy),
    Fault("restart", _restart),
    Fault("kill -9 up", _kill_up),
)
