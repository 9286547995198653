"""nginx upstreams: the service of nginx's own host, or the services of several app hosts."""

from __future__ import annotations

import re
from collections.abc import Sequence

from django.core.exceptions import ImproperlyConfigured

LOCAL = "unix"
_ADDRESS = re.compile(
    r"(?P<host>[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\]):(?P<port>[0-9]{1,5})"
)
# A host that refuses or does not answer gets no new requests for this long.
FAIL_TIMEOUT_SECONDS = 5


def check(name: str, entries: Sequence[str]) -> list[str]:
    """Return ``entries`` if each is ``unix`` or HOST:PORT; raise with the setting's ``name``."""
    for entry in entries:
        match = _ADDRESS.fullmatch(entry)
        if entry != LOCAL and not (match and 0 < int(match["port"]) < 65536):
            raise ImproperlyConfigured(
                f"{name}={entry!r} cannot be used: expected HOST:PORT, or {LOCAL} for the "
                "service of this host."
            )
    return list(entries)


def split(entry: str) -> tuple[str, int]:
    host, _, port = entry.rpartition(":")
    return host.strip("[]"), int(port)


def over_tcp(entries: Sequence[str]) -> list[str]:
    """Return the entries that are reached over the network."""
    return [entry for entry in entries if entry != LOCAL]


def server_lines(entries: Sequence[str], socket_path: str) -> str:
    """Return the lines of nginx's ``upstream`` block; no entries mean the service of this host.

    A single server gets every request, even after failures: there is no other.
    """
    is_single = len(entries) < 2
    options = "fail_timeout=0" if is_single else f"max_fails=1 fail_timeout={FAIL_TIMEOUT_SECONDS}s"
    servers = [f'"unix:{socket_path}"' if entry == LOCAL else entry for entry in entries or [LOCAL]]
    lines = [f"        server {server} {options};" for server in servers]
    if not is_single:
        # The zone shares the state between nginx's workers, so that one failure is enough.
        lines = ["        zone {zone} 64k;", "        least_conn;", *lines]
    return "\n".join(lines)


def next_upstream(entries: Sequence[str]) -> str:
    """Return nginx's ``proxy_next_upstream`` rule: when a request is repeated at another host.

    Only requests that no host can have processed are repeated: those whose connection failed or
    timed out, and GET. A POST that was sent is not (nginx's default without ``non_idempotent``):
    an upload could be repeated safely, a request for a renewal key could not, and a request that
    crashes the process must not visit all hosts. The device gets 503 and repeats the request; if
    the first one was stored, it gets the first receipt.
    """
    return "off" if len(entries) < 2 else "error timeout"
