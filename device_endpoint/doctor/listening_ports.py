"""Which TCP ports the processes of this installation listen on, as Linux tells in ``/proc``."""

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
LISTENS = "0A"
APPLICATIONS = ("device_endpoint.device_wsgi", "device_endpoint.staff_wsgi")


@dataclass(frozen=True, order=True)
class Listener:
    """An address that a process listens on; ``program`` is the process's name."""

    host: str
    port: int
    program: str


def of_this_installation() -> list[Listener]:
    """Return the listeners of the supervisor's descendants and of gunicorns of this folder."""
    numbers = _descendants(_supervisor()) | _gunicorns()
    sockets = _listening_sockets()
    found = set()
    for number in numbers:
        for inode in _sockets_of(number):
            if inode in sockets:
                host, port = sockets[inode]
                found.add(Listener(_reachable(host), port, _name_of(number)))
    return sorted(found)


def parse_table(text: str) -> dict[str, tuple[str, int]]:
    """Return address and port by inode of the listening sockets in a ``/proc/net/tcp`` table."""
    found = {}
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 9 and fields[3] == LISTENS:
            host, _, port = fields[1].partition(":")
            found[fields[9]] = (_address(host), int(port, 16))
    return found


def _address(digits: str) -> str:
    # Each 32-bit word stands in the machine's byte order.
    words = [bytes.fromhex(digits[at : at + 8]) for at in range(0, len(digits), 8)]
    raw = b"".join(word[::-1] if sys.byteorder == "little" else word for word in words)
    return str(ipaddress.ip_address(raw))


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104


def _listening_sockets() -> dict[str, tuple[str, int]]:
    found: dict[str, tuple[str, int]] = {}
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            found |= parse_table((PROC / "net" / table).read_text())
    return found


def _supervisor() -> int | None:
    with contextlib.suppress(OSError, ValueError):
        return int((Path(settings.VAR_DIR) / "up.lock").read_text())
    return None


def _processes() -> Iterator[int]:
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            yield int(entry.name)


def _descendants(ancestor: int | None) -> set[int]:
    parents = {number: _parent_of(number) for number in _processes()}
    found = {ancestor} if ancestor in parents else set()
    grown = True
    while grown:
        children = {number for number, parent in parents.items() if parent in found}
        grown = not children <= found
        found |= children
    return {number for number in found if number is not None}


def _parent_of(number: int) -> int | None:
    with contextlib.suppress(OSError, ValueError, IndexError):
        # The name, in brackets, may hold blanks and brackets itself.
        return int((PROC / str(number) / "stat").read_text().rpartition(")")[2].split()[1])
    return None


def _gunicorns() -> set[int]:
    found = set()
    for number in _processes():
        with contextlib.suppress(OSError):
            command = (PROC / str(number) / "cmdline").read_bytes().decode(errors="replace")
            folder = (PROC / str(number) / "cwd").readlink()
            ours = folder == PROJECT_DIR and any(name in command for name in APPLICATIONS)
            if ours and _var_dir_of(number) == Path(settings.VAR_DIR):
                found.add(number)
    return found


def _var_dir_of(number: int) -> Path:
    """Tell an installation from another one that runs from the same folder."""
    variables = (PROC / str(number) / "environ").read_bytes().decode(errors="replace").split("\0")
    given = [one.partition("=")[2] for one in variables if one.startswith("VAR_DIR=")]
    return resolve_var_dir(given[-1] if given else "")


def _sockets_of(number: int) -> Iterator[str]:
    with contextlib.suppress(OSError):
        for entry in (PROC / str(number) / "fd").iterdir():
            with contextlib.suppress(OSError):
                target = str(entry.readlink())
                if target.startswith("socket:["):
                    yield target[len("socket:[") : -1]


def _name_of(number: int) -> str:
    with contextlib.suppress(OSError):
        return (PROC / str(number) / "comm").read_text().strip()
    return "?"
