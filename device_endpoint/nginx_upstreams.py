"""Which processes nginx hands requests to: the door of its own host, or those of several hosts."""

from __future__ import annotations

import re
from collections.abc import Sequence

from django.core.exceptions import ImproperlyConfigured

LOCAL = "unix"
_ADDRESS = re.compile(
    r"(?P<host>[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\]):(?P<port>[0-9]{1,5})"
)
# One that refuses or does not answer gets no new request for so long.
FAIL_TIMEOUT_SECONDS = 5


def check(name: str, entries: Sequence[str]) -> list[str]:
    """Return ``entries`` if each is ``unix`` or HOST:PORT; ``name`` is the setting's."""
    for entry in entries:
        match = _ADDRESS.fullmatch(entry)
        if entry != LOCAL and not (match and 0 < int(match["port"]) < 65536):
            raise ImproperlyConfigured(
                f"{name}={entry!r} cannot be used: expected HOST:PORT, or {LOCAL} for the door "
                "of this host."
            )
    return list(entries)


def split(entry: str) -> tuple[str, int]:
    """Return host and port of a HOST:PORT."""
    host, _, port = entry.rpartition(":")
    return host.strip("[]"), int(port)


def over_tcp(entries: Sequence[str]) -> list[str]:
    """Return the entries that are reached over the network."""
    return [entry for entry in entries if entry != LOCAL]


def server_lines(entries: Sequence[str], socket_path: str) -> str:
    """Return the inside of nginx's ``upstream``; no entries stand for the door of this host.

    A single server is asked whatever happened before: there is no other.
    """
    alone = len(entries) < 2
    rest = "fail_timeout=0" if alone else f"max_fails=1 fail_timeout={FAIL_TIMEOUT_SECONDS}s"
    servers = [f'"unix:{socket_path}"' if one == LOCAL else one for one in entries or [LOCAL]]
    lines = [f"        server {server} {rest};" for server in servers]
    if not alone:
        # Shared by nginx's workers, so that one of them finding a host dead is enough.
        lines = ["        zone {zone} 64k;", "        least_conn;", *lines]
    return "\n".join(lines)


def next_upstream(entries: Sequence[str]) -> str:
    """Return nginx's rule for asking a second server.

    Only what no server can have acted on is asked again: where the connection was refused or not
    made in time, and GET. A POST that was sent is not (nginx's own rule without
    ``non_idempotent``): an upload might be repeated safely, a device's request for a new key not,
    and a request that ends the process which reads it must not go through all hosts. The device
    is told 503 and repeats it, and gets the first receipt if the first was stored after all.
    """
    return "off" if len(entries) < 2 else "error timeout"
