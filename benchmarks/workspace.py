"""Where a run lives: a folder of its own, and an environment for everything it starts.

To be prepared before Django reads its settings, which come from that environment.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from device_endpoint.env import PROJECT_DIR, socket_folder, var_dir

# What a person may have set for a running product and would change what is measured here.
_NOT_OURS = ("DATABASE_URL", "TEST_DATABASE_URL", "SERVICE", "DEVICE_CA", "GUNICORN_BIND")
# The load comes from one address: the throttles are not what is measured.
_THROTTLES = {
    "REQUESTS_PER_SECOND": "100000",
    "MAX_CONNECTIONS_PER_IP": "4096",
    "REGISTRATION_FAILURES_PER_MINUTE_PER_IP": "100000",
}


@dataclass(frozen=True)
class Place:
    """The folder of a run, which is removed at its end, and the file that stays."""

    root: Path
    results: Path

    def log(self, name: str) -> Path:
        """Return the log file of a program."""
        return self.root / "log" / f"{name}.log"

    def database_url(self, database: str) -> str:
        """Return the address of a database of this run's PostgreSQL."""
        folder = quote(str(socket_folder("postgres")), safe="")
        return f"postgres://device_endpoint@{folder}/{database}"


def prepare() -> Place:
    """Choose the folder and set the environment of this process and its children."""
    results = var_dir() / "bench.json"
    root = var_dir() / f"bench-{os.getpid()}"
    for name in _NOT_OURS:
        os.environ.pop(name, None)
    os.environ.update(_THROTTLES)
    os.environ.update(
        VAR_DIR=str(root / "host"),
        LISTEN="127.0.0.1",
        PUBLIC_HOST="localhost",
        DJANGO_SETTINGS_MODULE="device_endpoint.settings.staff",
        DJANGO_SUPERUSER_USERNAME="bench",
        DJANGO_SUPERUSER_PASSWORD=secrets.token_urlsafe(16),
        # The same for both copies of the product and before every reference.
        SECRET_KEY=secrets.token_urlsafe(48),
        PROXY_SECRET=secrets.token_urlsafe(48),
        PYTHONUNBUFFERED="1",
    )
    place = Place(root, results)
    os.environ["DATABASE_URL"] = place.database_url("blank")
    # The device client is a package of its own; its certificates are what our devices have.
    sys.path.append(str(PROJECT_DIR / "client"))
    return place


def make(place: Place) -> None:
    """Make the folder."""
    (place.root / "log").mkdir(parents=True)


def remove(place: Place) -> None:
    """Remove the folder, and the socket folders outside it that its long path led to."""
    for own in place.root.iterdir() if place.root.exists() else ():
        sockets = sockets_of(own).parent
        if place.root not in sockets.parents:
            shutil.rmtree(sockets, ignore_errors=True)
    shutil.rmtree(place.root, ignore_errors=True)


def sockets_of(folder: Path) -> Path:
    """Return where a program whose ``VAR_DIR`` is ``folder`` has its sockets."""
    ours = os.environ["VAR_DIR"]
    os.environ["VAR_DIR"] = str(folder)
    try:
        return socket_folder("run")
    finally:
        os.environ["VAR_DIR"] = ours


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback address that nothing listens on."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


def manage_py() -> str:
    """Return the path of ``manage.py``."""
    return str(PROJECT_DIR / "manage.py")
