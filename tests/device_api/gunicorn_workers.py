"""The device API's processes, as the kernel lists them."""

from __future__ import annotations

from pathlib import Path

from tests.support.stack import Stack


def device_workers(stack: Stack) -> set[int]:
    """Return the process ids of the device API's workers (Linux)."""
    assert stack.process is not None
    parents = _parents()
    processes = [
        pid
        for pid in _below({stack.process.pid}, parents)
        if b"device_endpoint.device_wsgi" in _command(pid)
    ]
    return {pid for pid in processes if parents[pid] in processes}


def _parents() -> dict[int, int]:
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = (folder / "stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        found[int(folder.name)] = int(status.rpartition(")")[2].split()[1])
    return found


def _below(roots: set[int], parents: dict[int, int]) -> set[int]:
    found = set(roots)
    while added := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= added
    return found


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""
