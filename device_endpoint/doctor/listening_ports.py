"""List the TCP ports on which processes of this installation listen, from Linux' ``/proc``."""

from __future__ import annotations

import contextlib
import ipaddress
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from device_endpoint.env import PROJECT_DIR, resolve_var_dir

PROC = Path("/proc")
STATE_LISTEN = "0A"
_REACHABLE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
APPLICATIONS = ("device_endpoint.device_wsgi", "device_endpoint.staff_wsgi")


@dataclass(frozen=True, order=True)
class Listener:
    """An address on which a process listens; ``program`` is the name of the process."""

    host: str
    port: int
    program: str


def list_listeners() -> list[Listener]:
    """Return the listeners of the supervisor's descendants and of this installation's gunicorns."""
    pids = _descendants(_supervisor_pid()) | _gunicorn_pids()
    sockets = _listening_sockets()
    listeners = set()
    for pid in pids:
        for host, port in (sockets[inode] for inode in _sockets_of(pid) if inode in sockets):
            listeners.add(Listener(_REACHABLE.get(host, host), port, _name_of(pid)))
    return sorted(listeners)


def parse_table(text: str) -> dict[str, tuple[str, int]]:
    """Return address and port of each listening socket in a ``/proc/net/tcp`` table, by inode."""
    found = {}
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 9 and fields[3] == STATE_LISTEN:
            host, _, port = fields[1].partition(":")
            found[fields[9]] = (_address(host), int(port, 16))
    return found


def _address(digits: str) -> str:
    # Each 32-bit word stands in the machine's byte order.
    words = [bytes.fromhex(digits[at : at + 8]) for at in range(0, len(digits), 8)]
    raw = b"".join(word[::-1] if sys.byteorder == "little" else word for word in words)
    return str(ipaddress.ip_address(raw))


def _listening_sockets() -> dict[str, tuple[str, int]]:
    found: dict[str, tuple[str, int]] = {}
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            found |= parse_table((PROC / "net" / table).read_text())
    return found


def _supervisor_pid() -> int | None:
    with contextlib.suppress(OSError, ValueError):
        return int((Path(settings.VAR_DIR) / "up.lock").read_text())
    return None


def _all_pids() -> Iterator[int]:
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            yield int(entry.name)


def _descendants(ancestor: int | None) -> set[int]:
    parents = {pid: _parent_of(pid) for pid in _all_pids()}
    found = {ancestor} if ancestor in parents else set()
    grown = True
    while grown:
        children = {pid for pid, parent in parents.items() if parent in found}
        grown = not children <= found
        found |= children
    return {pid for pid in found if pid is not None}


def _parent_of(pid: int) -> int | None:
    with contextlib.suppress(OSError, ValueError, IndexError):
        # The name, in parentheses, may itself contain spaces and parentheses.
        return int((PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
    return None


def _gunicorn_pids() -> set[int]:
    found = set()
    for pid in _all_pids():
        with contextlib.suppress(OSError):
            command = (PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace")
            folder = (PROC / str(pid) / "cwd").readlink()
            ours = folder == PROJECT_DIR and any(name in command for name in APPLICATIONS)
            if ours and _var_dir_of(pid) == Path(settings.VAR_DIR):
                found.add(pid)
    return found


def _var_dir_of(pid: int) -> Path:
    # Distinguishes installations that run from the same folder.
    variables = (PROC / str(pid) / "environ").read_bytes().decode(errors="replace").split("\0")
    values = [text.partition("=")[2] for text in variables if text.startswith("VAR_DIR=")]
    return resolve_var_dir(values[-1] if values else "")


def _sockets_of(pid: int) -> Iterator[str]:
    with contextlib.suppress(OSError):
        for entry in (PROC / str(pid) / "fd").iterdir():
            with contextlib.suppress(OSError):
                target = str(entry.readlink())
                if target.startswith("socket:["):
                    yield target[len("socket:[") : -1]


def _name_of(pid: int) -> str:
    with contextlib.suppress(OSError):
        return (PROC / str(pid) / "comm").read_text().strip()
    return "?"
