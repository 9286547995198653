"""Processor time of running programs, as the kernel counts it.

``/proc/PID/task/*/schedstat`` counts nanoseconds for each thread, where ``stat`` counts hundredths
of a second. The time of a process that began during a measurement counts; that of one that ended
is lost, which none of the measured servers does under load.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

NANOSECONDS_PER_MS = 1_000_000


def child_pids(parents: Iterable[int]) -> Iterator[int]:
    """Yield the process ids of all children of ``parents``."""
    wanted = set(parents)
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # "pid (name) state ppid …": the name may hold blanks and parentheses.
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # the process has ended
        if int(fields[1]) in wanted:
            yield int(stat.parent.name)


def with_descendants(roots: Iterable[int]) -> set[int]:
    """Return ``roots`` and the process ids of their children, and of theirs."""
    found: set[int] = set()
    newest = set(roots)
    while newest:
        found |= newest
        newest = set(child_pids(newest)) - found
    return found


def command_line(pid: int) -> str:
    """Return the command line of a process, "" if it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def measure_threads(pids: Iterable[int]) -> dict[tuple[int, int], int]:
    """Return the processor time of each thread so far, in nanoseconds, by process and thread id."""
    times = {}
    for pid in pids:
        for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            try:
                times[pid, int(path.parent.name)] = int(path.read_text().split()[0])
            except (FileNotFoundError, ProcessLookupError):
                continue  # the thread has ended
    return times


class Stopwatch:
    """The processor time of groups of processes since the stopwatch was started.

    A process that one of them starts during the measurement counts too.
    """

    def __init__(self, groups: dict[str, list[int]]) -> None:
        self._groups = groups
        self._before = measure_threads(pid for pids in groups.values() for pid in pids)

    def elapsed_ms(self) -> dict[str, float]:
        """Return the time of each group, in milliseconds."""
        known = {pid for pids in self._groups.values() for pid in pids}
        elapsed = {}
        for name, pids in self._groups.items():
            own = set(pids) | (with_descendants(pids) - known)
            elapsed[name] = (
                sum(
                    now - self._before.get(thread, 0)
                    for thread, now in measure_threads(own).items()
                )
                / NANOSECONDS_PER_MS
            )
        return elapsed
