"""An embedded PostgreSQL in ``VAR_DIR``, for evaluation and tests.

It listens only on a unix socket in a private folder and trusts every user who can enter that
folder. It runs as the user that started it. PostgreSQL refuses to run as root, so root's server
runs in a user namespace, or as ``nobody`` if the system allows no namespaces. No permission
outside ``VAR_DIR`` is changed.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from device_endpoint.env import socket_folder
from device_endpoint.supervisor.exec_child import NOBODY_ID
from device_endpoint.supervisor.folders import make_private, make_socket_folder
from device_endpoint.supervisor.process import (
    CannotStartError,
    ProgramSpec,
    wrap_with_pdeathsig,
)

NAME = "device_endpoint"
START_SECONDS = 60.0


class EmbeddedPostgres:
    """The PostgreSQL cluster in the folder ``data``, with its socket in the folder ``sockets``."""

    def __init__(self, var_dir: Path, binaries: Path, log: Path) -> None:
        self.data = var_dir / "postgres"
        self.sockets = socket_folder("postgres")
        self._binaries = binaries
        self._log = log
        self._identity = choose_identity(binaries, var_dir)

    def prepare(self) -> bool:
        """Create the folders and, if missing, the cluster; return whether it was created."""
        make_socket_folder("postgres", 0o700, self._owner)
        if self.data.exists():
            self._check_data()
            return False
        self._initialise()
        return True

    def spec(self) -> ProgramSpec:
        """Return how to run the server, in the foreground."""
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": f'"{self.sockets}"',
            "unix_socket_permissions": "0700",
            "fsync": "on",
            "full_page_writes": "on",
            "synchronous_commit": "on",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return ProgramSpec(
            name="postgres",
            arguments=[str(self._binaries / "postgres"), "-D", str(self.data), *options],
            log=self._log,
            identity=self._identity,
            stop_signal=signal.SIGINT,  # fast shutdown: end sessions, write a checkpoint
            hurry_signal=signal.SIGQUIT,
            reload_signal=signal.SIGHUP,
            stop_seconds=30.0,
        )

    def wait_until_ready(self, still_running: Callable[[], None]) -> None:
        """Wait for the server, then create the database if it is missing.

        ``still_running`` raises if the server has ended.
        """
        deadline = time.monotonic() + START_SECONDS
        while True:
            still_running()
            try:
                with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
                    _create_database(connection)
                    return
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline:
                    raise CannotStartError(f"PostgreSQL does not answer: {error}") from error
            time.sleep(0.05)

    def _address(self, database: str) -> str:
        return psycopg.conninfo.make_conninfo(
            host=str(self.sockets), user=NAME, dbname=database, connect_timeout=3
        )

    def _check_data(self) -> None:
        creator = self.data.stat().st_uid
        if creator != self._owner:
            raise CannotStartError(
                f"{self.data} was created by another user (id {creator}, not {self._owner}): "
                "start as that user or set another VAR_DIR."
            )
        version = self.data / "PG_VERSION"
        existing = version.read_text().strip() if version.exists() else "unknown"
        installed = major_version(self._binaries)
        if existing != installed:
            raise CannotStartError(
                f"{self.data} was created by PostgreSQL {existing}, this is {installed}: "
                "migrate it by pg_dump, set POSTGRES_BIN_DIR to the old programs, or set "
                "another VAR_DIR."
            )

    def _initialise(self) -> None:
        # Renamed only when complete: an interrupted start leaves no partial cluster.
        draft = self.data.with_name("postgres.new")
        shutil.rmtree(draft, ignore_errors=True)
        make_private(draft, 0o700, self._owner)
        locale = ["--locale=C.UTF-8"]
        if int(major_version(self._binaries)) >= 17:
            locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        command = [str(self._binaries / "initdb"), "-D", str(draft), "-U", NAME, "--auth=trust"]
        command += ["--encoding=UTF8", *locale, "--no-instructions"]
        run = subprocess.run(
            wrap_with_pdeathsig(command, signal.SIGTERM, self._identity),
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
        )
        if run.returncode != 0:
            raise CannotStartError(f"initdb failed in {draft}: {_last_line(run.stderr)}")
        draft.rename(self.data)

    @property
    def _owner(self) -> int:
        return NOBODY_ID if self._identity == "nobody" else os.geteuid()


def major_version(binaries: Path) -> str:
    """Return the major version of the programs in ``binaries``, as in the file PG_VERSION."""
    run = subprocess.run(
        [str(binaries / "postgres"), "--version"], capture_output=True, text=True, check=False
    )
    match = re.search(r"\) (\d+)", run.stdout)
    if not match:
        raise CannotStartError(f"{binaries / 'postgres'} does not run: {_last_line(run.stderr)}")
    return match[1]


def choose_identity(binaries: Path, var_dir: Path) -> str:
    """Return the identity to run PostgreSQL as: ``same``; for root ``namespace`` or ``nobody``."""
    if os.geteuid() != 0:
        return "same"
    reachable = 'test -x "$0" && test -x "$1"'
    probe = ["/bin/sh", "-c", reachable, str(binaries / "postgres"), str(var_dir)]
    for identity in ("namespace", "nobody"):
        run = subprocess.run(
            wrap_with_pdeathsig(probe, signal.SIGTERM, identity), capture_output=True, check=False
        )
        if run.returncode == 0:
            return identity
    raise CannotStartError(
        "PostgreSQL refuses to run as root, this system allows no user namespaces, and the user "
        f"nobody may not enter {var_dir} or {binaries}: start as an ordinary user, or set "
        "VAR_DIR and POSTGRES_BIN_DIR to folders that everyone may enter, or set DATABASE_URL."
    )


def _create_database(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    row = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME]).fetchone()
    if row is None:
        connection.execute(f"CREATE DATABASE {NAME}")


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "no reason given"
