"""A PostgreSQL with a streaming replica, both of the programs that the product brings along."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import quote

import psycopg

from device_endpoint.supervisor.embedded_postgres import choose_identity
from device_endpoint.supervisor.executables import postgres_folder
from device_endpoint.supervisor.process import wrap_with_pdeathsig
from tests.support.stack import wait_until

USER = "postgres"
DATABASE = "scaled"


class Cluster:
    """A server in a folder of its own, reached through a unix socket."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        # A socket's path may not be long.
        self.sockets = Path(tempfile.mkdtemp(prefix="cluster-"))
        self._binaries = postgres_folder()
        folder.mkdir()
        self._identity = choose_identity(self._binaries, folder)
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Return the database's ``DATABASE_URL``."""
        return f"postgres://{USER}@{quote(str(self.sockets), safe='')}/{DATABASE}"

    def initialise(self) -> None:
        """Make an empty cluster."""
        self._run("initdb", "-D", str(self.data), "-U", USER, "--auth=trust", "--no-sync")

    def copy(self, primary: Cluster) -> None:
        """Become a standby of ``primary``, which runs."""
        self._run(
            "pg_basebackup", "--pgdata", str(self.data), "--host", str(primary.sockets),
            "--username", USER, "--write-recovery-conf", "--checkpoint=fast", "--no-sync",
        )  # fmt: skip

    def start(self) -> None:
        """Start the server and wait until it answers."""
        command = [str(self._binaries / "postgres"), "-D", str(self.data)]
        for setting in (
            "listen_addresses=",
            f"unix_socket_directories={self.sockets}",
            "wal_receiver_status_interval=1s",
            "wal_retrieve_retry_interval=200ms",
        ):
            command += ["-c", setting]
        with (self.folder / "log").open("ab") as log:
            self._server = subprocess.Popen(
                wrap_with_pdeathsig(command, signal.SIGINT, self._identity),
                stdout=log,
                stderr=log,
                cwd="/",
            )
        wait_until(self._is_ready, f"PostgreSQL: {(self.folder / 'log').read_text()}")

    def stop(self) -> None:
        """End the server as a crash does, its sessions with it."""
        if self._server is not None:
            self._server.send_signal(signal.SIGINT)
            self._server.wait(60)
            self._server = None

    def remove(self) -> None:
        """End the server and remove the folder of its socket."""
        self.stop()
        shutil.rmtree(self.sockets, ignore_errors=True)

    def ask(self, statement: str, database: str = DATABASE) -> list[tuple[object, ...]]:
        """Execute a statement and return its rows, if it has any."""
        with psycopg.connect(
            host=str(self.sockets), user=USER, dbname=database, autocommit=True
        ) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def _is_ready(self) -> bool:
        try:
            return self.ask("SELECT 1", "postgres") == [(1,)]
        except psycopg.OperationalError:
            return False

    def _run(self, program: str, *arguments: str) -> None:
        command = wrap_with_pdeathsig(
            [str(self._binaries / program), *arguments], signal.SIGTERM, self._identity
        )
        run = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
        assert run.returncode == 0, run.stderr
