"""PostgreSQL servers with streaming replication, from the product's embedded programs."""

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
    """A PostgreSQL server with its own folder, reached through a Unix socket."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        # The length of a socket's path is limited.
        self.sockets = Path(tempfile.mkdtemp(prefix="cluster-"))
        self._binaries = postgres_folder()
        folder.mkdir()
        self._identity = choose_identity(self._binaries, folder)
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def database_url(self) -> str:
        return f"postgres://{USER}@{quote(str(self.sockets), safe='')}/{DATABASE}"

    def initialise(self) -> None:
        self._run("initdb", "-D", str(self.data), "-U", USER, "--auth=trust", "--no-sync")

    def copy_from(self, primary: Cluster) -> None:
        """Become a standby of the running ``primary``."""
        self._run(
            "pg_basebackup", "--pgdata", str(self.data), "--host", str(primary.sockets),
            "--username", USER, "--write-recovery-conf", "--checkpoint=fast", "--no-sync",
        )  # fmt: skip

    def start(self) -> None:
        """Start the server and wait until it accepts connections."""
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
        """Stop the server at once, terminating its sessions."""
        if self._server is not None:
            self._server.send_signal(signal.SIGINT)
            self._server.wait(60)
            self._server = None

    def remove(self) -> None:
        """Stop the server and remove the folder of its socket."""
        self.stop()
        shutil.rmtree(self.sockets, ignore_errors=True)

    def execute(self, statement: str, database: str = DATABASE) -> list[tuple[object, ...]]:
        """Execute a statement and return its rows."""
        with psycopg.connect(
            host=str(self.sockets), user=USER, dbname=database, autocommit=True
        ) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def _is_ready(self) -> bool:
        try:
            return self.execute("SELECT 1", "postgres") == [(1,)]
        except psycopg.OperationalError:
            return False

    def _run(self, program: str, *arguments: str) -> None:
        command = wrap_with_pdeathsig(
            [str(self._binaries / program), *arguments], signal.SIGTERM, self._identity
        )
        run = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
        assert run.returncode == 0, run.stderr
