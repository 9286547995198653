"""The installation under test: its folder, its `up`, its database, its devices."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from tests.fault_injection import processes
from tests.fault_injection.device import Sender
from tests.fault_injection.mounts import SmallDisk
from tests.fault_injection.processes import ProcessSnapshot
from tests.fault_injection.wrong_clock import WrongClock
from tests.support.citus import CitusNodes
from tests.support.devices import Device
from tests.support.stack import Stack

# Short, so that a held lock causes timeouts within a short run.
LOCK_TIMEOUT_MS = 1000
CITUS_DATABASE = "faults"


class Harness:
    """An installation in ``folder`` with ``devices`` registered devices, two for each identity."""

    def __init__(
        self,
        folder: Path,
        *,
        devices: int,
        seed: int,
        wait_factor: float,
        environment: dict[str, str],
        citus: CitusNodes | None = None,
    ) -> None:
        self.folder = folder
        self.citus = citus
        self.ledgers = folder / "ledgers"
        self.ledgers.mkdir()
        self.disk = SmallDisk(folder / "var")
        self.body_disk = SmallDisk(folder / "var" / "nginx" / "body")
        self.clock = WrongClock(folder)
        self._count, self._seed, self._wait_factor = devices, seed, wait_factor
        self.stack = Stack(folder, self._environment() | environment)
        self.senders: list[Sender] = []

    def start(self) -> None:
        """Mount the small disks, start `up`, register the devices."""
        self.disk.mount()
        self.body_disk.mount()
        self.clock.set(0)
        if self.citus is not None:
            self._distribute(self.citus)
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
            response = device.register(keys[number // 2])
            assert response.status_code == 200, response.text
            device.close()
            self.senders.append(Sender(device, number, self.ledgers, self._seed, self._wait_factor))

    def _distribute(self, citus: CitusNodes) -> None:
        citus.create(CITUS_DATABASE)
        for command in ("migrate", "distribute"):
            run = self.stack.manage(command, "--verbosity", "0")
            assert run.returncode == 0, run.stderr

    def start_sending(self) -> None:
        for sender in self.senders:
            sender.start()

    def finish_deliveries(self) -> list[str]:
        """Repair everything and stop the devices; return those that could not finish."""
        self.repair()
        for sender in self.senders:
            sender.stopping.set()
        for sender in self.senders:
            sender.join(120)
        stuck = [sender.stuck for sender in self.senders if sender.stuck]
        return stuck + [sender.name for sender in self.senders if sender.is_alive()]

    def repair(self) -> None:
        """Free the disks, reset the clock and start `up` if it has ended."""
        self.disk.free()
        self.body_disk.free()
        self.clock.set(0)
        process = self.stack.process
        if process is None or process.poll() is not None:
            self.stack.start()
        self.wait_until(self.is_ready)

    def stop(self) -> list[str]:
        """Stop `up`; return the command lines of processes that outlive it."""
        self.stack.stop(signal.SIGTERM)
        deadline = time.monotonic() + 10
        while remaining := self.remaining_processes():
            if time.monotonic() > deadline:
                return remaining
            time.sleep(0.2)
        return []

    def remaining_processes(self) -> list[str]:
        running = processes.list_processes(self.stack.var_dir)
        return [process.command for process in running if process.pid != os.getpid()]

    def remove(self) -> None:
        """Kill the remaining processes, unmount and delete everything."""
        for process in processes.list_processes(self.stack.var_dir):
            process.send(signal.SIGKILL)
        self.body_disk.unmount()
        self.disk.unmount()
        shutil.rmtree(self.folder, ignore_errors=True)

    def processes(self) -> ProcessSnapshot:
        return ProcessSnapshot(self.stack.var_dir)

    def connect(self, **options: str) -> psycopg.Connection[tuple[object, ...]]:
        """Connect to the database in autocommit mode with PostgreSQL ``options``."""
        return psycopg.connect(
            self.database_conninfo(),
            autocommit=True,
            connect_timeout=3,
            options=" ".join(f"-c {name}={value}" for name, value in options.items()),
        )

    def database_conninfo(self) -> str:
        if self.citus is not None:
            return self.citus.address(CITUS_DATABASE)
        sockets = self.folder / "var" / "run" / "postgres"
        return psycopg.conninfo.make_conninfo(
            host=str(sockets), user="device_endpoint", dbname="device_endpoint"
        )

    def wait_until(self, condition: Callable[[], bool], seconds: float = 60.0) -> bool:
        """Wait for a condition; return whether it came true in time."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    def is_ready(self) -> bool:
        """Whether /readyz accepts uploads."""
        try:
            status, _, _ = self.stack.get_staff("/readyz")
        except (OSError, http.client.HTTPException):
            return False
        return status == http.client.OK

    def _environment(self) -> dict[str, str]:
        database = {}
        if self.citus is not None:
            database["DATABASE_URL"] = self.citus.address(CITUS_DATABASE)
        return {
            **database,
            "LISTEN": "127.0.0.1",
            "DEVICE_WORKERS": "2",
            "LOCK_TIMEOUT_MS": str(LOCK_TIMEOUT_MS),
            # Uploads must meet the full disk instead of being refused before.
            "MIN_FREE_DISK_BYTES": "0",
            **self.clock.environment,
        }
