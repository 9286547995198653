"""Files that wait to be sent, on disk: nothing that was measured is lost to a power cut.

A waiting file is one file: a line of JSON (``name``, ``filename``) and the bytes to send. It is
written aside, flushed and renamed, so that a name that is there stands for a whole file.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from device_client.errors import StateError
from device_client.form_data import FilePart
from device_client.private_files import (
    DRAFT_SUFFIX,
    make_private_folder,
    sync_folder,
    write_private,
)

_SUFFIX = ".upload"


@dataclass(frozen=True)
class Waiting:
    """A file that waits: where it lies and how many bytes it holds."""

    path: Path
    size: int

    def read(self) -> FilePart:
        """Return the file as it is to be sent; ``StateError`` when it was damaged."""
        try:
            head, _, content = self.path.read_bytes().partition(b"\n")
            facts = json.loads(head)
            return FilePart(str(facts["name"]), str(facts["filename"]), content)
        except (ValueError, KeyError, TypeError) as error:
            raise StateError(f"{self.path} is damaged; move it away to go on") from error


class Spool:
    """The waiting files below ``folder``, in the order in which they were added.

    Not for several processes at once: ``StateFolder`` holds the lock.
    """

    def __init__(self, folder: Path) -> None:
        self._waiting = folder / "spool"
        self._refused = folder / "refused"
        for path in (self._waiting, self._refused):
            make_private_folder(path)
        for draft in self._waiting.glob(f"*{DRAFT_SUFFIX}"):
            draft.unlink()  # half-written when the power went; its maker was never told "kept"
        names = [*self._waiting.glob(f"*{_SUFFIX}"), *self._refused.glob(f"*{_SUFFIX}")]
        self._last = max((int(path.stem) for path in names), default=0)

    @property
    def folder(self) -> Path:
        """Return the folder of the waiting files."""
        return self._waiting

    def add(self, part: FilePart) -> Waiting:
        """Keep ``part`` until it is received; on return it is safely on disk."""
        self._last += 1
        path = self._waiting / f"{self._last:012d}{_SUFFIX}"
        head = json.dumps({"name": part.name, "filename": part.filename}).encode() + b"\n"
        write_private(path, head + part.content)
        return Waiting(path, len(head) + len(part.content))

    def pending(self) -> list[Waiting]:
        """Return the waiting files, oldest first."""
        paths = sorted(self._waiting.glob(f"*{_SUFFIX}"))
        return [Waiting(path, path.stat().st_size) for path in paths]

    def forget(self, waiting: Waiting) -> None:
        """Delete a file that the server has received."""
        waiting.path.unlink()
        sync_folder(self._waiting)

    def set_aside(self, waiting: Waiting, reason: str) -> Path:
        """Move a file that will never be accepted out of the way, with ``reason`` beside it."""
        kept = self._refused / waiting.path.name
        write_private(kept.with_suffix(".reason"), reason.encode() + b"\n")
        waiting.path.replace(kept)
        sync_folder(self._waiting)
        sync_folder(self._refused)
        return kept


def group(waiting: Sequence[Waiting], max_files: int, max_bytes: int) -> list[list[Waiting]]:
    """Return ``waiting`` in groups that fit into one request each, in order.

    A file that is too large by itself makes a group of its own: the server shall say so.
    """
    groups: list[list[Waiting]] = []
    room = 0
    for item in waiting:
        cost = item.size + 1024  # the part's head and delimiter
        if not groups or len(groups[-1]) >= max_files or cost > room:
            groups.append([])
            room = max_bytes - 1024
        groups[-1].append(item)
        room -= cost
    return groups
