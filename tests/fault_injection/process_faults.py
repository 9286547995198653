"""Faults that end processes, or replace them as an operator does."""

from __future__ import annotations

import random
import signal
import time

from tests.fault_injection.fault import Fault, NothingThere, hit
from tests.fault_injection.harness import Rig


def _device_worker(rig: Rig, chance: random.Random) -> str:
    return hit(rig.parts().workers("device"), chance, signal.SIGKILL)


def _device_master(rig: Rig, chance: random.Random) -> str:
    return hit(rig.parts().master("device"), chance, signal.SIGKILL)


def _staff_master(rig: Rig, chance: random.Random) -> str:
    return hit(rig.parts().master("staff"), chance, signal.SIGKILL)


def _frozen_worker(rig: Rig, chance: random.Random) -> str:
    found = rig.parts().workers("device")
    if not found:
        raise NothingThere
    process = chance.choice(found)
    process.send(signal.SIGSTOP)
    time.sleep(chance.uniform(0.5, 2.0))
    process.send(signal.SIGCONT)
    return f"froze {process.pid}"


def _nginx_worker(rig: Rig, chance: random.Random) -> str:
    return hit(rig.parts().nginx_workers(), chance, signal.SIGKILL)


def _nginx_master(rig: Rig, chance: random.Random) -> str:
    return hit(rig.parts().nginx_master(), chance, signal.SIGKILL)


def _backend(rig: Rig, chance: random.Random) -> str:
    return hit(rig.parts().backends(), chance, signal.SIGKILL)


def _postmaster(rig: Rig, chance: random.Random) -> str:
    return hit(rig.parts().postmaster(), chance, signal.SIGKILL)


def _postgres_restart(rig: Rig, chance: random.Random) -> str:
    # "fast", then "immediate": as an operator, and as a machine that gives it no time.
    return hit(rig.parts().postmaster(), chance, chance.choice([signal.SIGINT, signal.SIGQUIT]))


def _reload(rig: Rig, chance: random.Random) -> str:
    process = rig.stack.process
    if process is None or process.poll() is not None:
        raise NothingThere
    process.send_signal(signal.SIGHUP)
    return "SIGHUP to up"


def _redeploy(rig: Rig, chance: random.Random) -> str:
    run = rig.manage("migrate", "--no-input", "--verbosity", "0")
    return f"migrate ended with {run.returncode}; {_reload(rig, chance)}"


def _restart(rig: Rig, chance: random.Random) -> str:
    rig.stack.stop(signal.SIGTERM)
    rig.stack.start()
    return "up ended and started"


def _killed_up(rig: Rig, chance: random.Random) -> str:
    rig.stack.stop(signal.SIGKILL)
    rig.stack.start()
    return "up killed and started"


FAULTS = (
    Fault("kill -9 a device worker", _device_worker),
    Fault("kill -9 the device gunicorn", _device_master),
    Fault("kill -9 the staff gunicorn", _staff_master),
    Fault("freeze a device worker", _frozen_worker),
    Fault("kill -9 an nginx worker", _nginx_worker),
    Fault("kill -9 nginx", _nginx_master),
    Fault("kill -9 a PostgreSQL backend", _backend),
    Fault("kill -9 the postmaster", _postmaster),
    Fault("stop PostgreSQL", _postgres_restart),
    Fault("reload", _reload),
    Fault("redeploy", _redeploy),
    Fault("restart", _restart),
    Fault("kill -9 up", _killed_up),
)
