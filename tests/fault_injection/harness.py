"""The installation that is broken: its folder, its `up`, its database, its devices."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from tests.fault_injection import processes
from tests.fault_injection.device import Sender
from tests.fault_injection.mounts import SmallDisk
from tests.fault_injection.processes import Parts
from tests.fault_injection.wrong_clock import WrongClock
from tests.support.devices import Device
from tests.support.stack import Stack

# Small, so that a held lock is met within a short run.
LOCK_TIMEOUT_MS = 1000


class Rig:
    """A running installation in ``folder`` with ``devices`` bound devices, two an identity."""

    def __init__(
        self, folder: Path, *, devices: int, seed: int, patience: float, environment: dict[str, str]
    ) -> None:
        self.folder = folder
        self.ledgers = folder / "ledgers"
        self.ledgers.mkdir()
        self.disk = SmallDisk(folder / "var")
        self.body_disk = SmallDisk(folder / "var" / "nginx" / "body")
        self.clock = WrongClock(folder)
        self._count, self._seed, self._patience = devices, seed, patience
        self.stack = Stack(folder, self._environment() | environment)
        self.senders: list[Sender] = []
        self.restarting = threading.Lock()

    def start(self) -> None:
        """Mount the small disks, start `up`, bind the devices."""
        self.disk.mount()
        self.body_disk.mount()
        self.clock.set(0)
        self.stack.start()
        keys = {
            identity: self.stack.issue_psk(f"identity-{identity}", "--max-uses", "2")
            for identity in range((self._count + 1) // 2)
        }
        for number in range(self._count):
            device = Device(
                self.stack.device_url,
                self.stack.ca_file,
                self.folder / f"device-{number}",
                subject=f"device-{number}",
            )
            answer = device.register(keys[number // 2])
            assert answer.status_code == 200, answer.text
            device.close()
            self.senders.append(Sender(device, number, self.ledgers, self._seed, self._patience))

    def send(self) -> None:
        """Let the devices send."""
        for sender in self.senders:
            sender.start()

    def quiesce(self) -> list[str]:
        """Heal, let the devices deliver what they have begun; return which could not."""
        self.heal()
        for sender in self.senders:
            sender.ending.set()
        for sender in self.senders:
            sender.join(120)
        stuck = [sender.stuck for sender in self.senders if sender.stuck]
        return stuck + [sender.name for sender in self.senders if sender.is_alive()]

    def heal(self) -> None:
        """Undo what the injector may have left: disks, clock, `up`."""
        self.disk.free()
        self.body_disk.free()
        self.clock.set(0)
        process = self.stack.process
        if process is None or process.poll() is not None:
            self.stack.start()
        self.wait_until(self.is_ready)

    def stop(self) -> list[str]:
        """End `up`; return what it left running."""
        self.stack.stop(signal.SIGTERM)
        deadline = time.monotonic() + 10
        while left := self.left():
            if time.monotonic() > deadline:
                return left
            time.sleep(0.2)
        return []

    def left(self) -> list[str]:
        """Return the command lines of this installation's processes."""
        found = processes.of_installation(self.stack.var_dir)
        return [process.command for process in found if process.pid != os.getpid()]

    def remove(self) -> None:
        """End what is left, unmount and delete everything."""
        for process in processes.of_installation(self.stack.var_dir):
            process.send(signal.SIGKILL)
        self.body_disk.unmount()
        self.disk.unmount()
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- Looking at it and acting on it ----------------------------------------------------------
    def parts(self) -> Parts:
        """Return the processes as they are now."""
        return Parts(self.stack.var_dir)

    def connect(self, **options: str) -> psycopg.Connection[tuple[object, ...]]:
        """Return a session of the database, each statement a transaction."""
        return psycopg.connect(
            self.database_address(),
            autocommit=True,
            connect_timeout=3,
            options=" ".join(f"-c {name}={value}" for name, value in options.items()),
        )

    def database_address(self) -> str:
        """Return the address of the embedded PostgreSQL."""
        sockets = self.folder / "var" / "run" / "postgres"
        return psycopg.conninfo.make_conninfo(
            host=str(sockets), user="device_endpoint", dbname="device_endpoint"
        )

    def wait_until(self, is_so: Callable[[], bool], seconds: float = 60.0) -> bool:
        """Wait for something that comes about by itself; tell whether it did."""
        deadline = time.monotonic() + seconds
        while not is_so():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    def is_ready(self) -> bool:
        """Tell whether /readyz says that data may be sent."""
        try:
            status, _, _ = self.stack.get_staff("/readyz")
        except (OSError, http.client.HTTPException):
            return False
        return status == http.client.OK

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a ``manage.py`` command of the installation."""
        return self.stack.manage(*arguments)

    def _environment(self) -> dict[str, str]:
        return {
            "LISTEN": "127.0.0.1",
            "DEVICE_WORKERS": "2",
            "LOCK_TIMEOUT_MS": str(LOCK_TIMEOUT_MS),
            # A full disk is to be met, not to be kept away from.
            "MIN_FREE_DISK_BYTES": "0",
            **self.clock.environment,
        }
