"""Files that wait to be sent, on disk: nothing that was measured is lost to a power cut.

A waiting file is one file: a line of JSON (``name``, ``filename``) and the bytes to send. It is
written aside, flushed and renamed, so that a name that is there stands for a whole file.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from device_client.atomic_files import (
    DRAFT_SUFFIX,
    make_private_folder,
    sync_folder,
    write_private,
)
from device_client.errors import DamagedFile, StateError
from device_client.multipart import FilePart

_SUFFIX = ".upload"


@dataclass(frozen=True)
class Waiting:
    """A file that waits: where it lies and how many bytes it holds."""

    path: Path
    size: int

    def read(self) -> FilePart:
        """Return the file as it is to be sent; ``DamagedFile`` when it is not what was added."""
        try:
            head, _, content = self.path.read_bytes().partition(b"\n")
            facts = json.loads(head)
            return FilePart(str(facts["name"]), str(facts["filename"]), content)
        except OSError as error:
            raise StateError(f"cannot read {self.path}: {error.strerror}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise DamagedFile(f"{self.path} is damaged: it does not say what it is") from error


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
        names = [*_uploads(self._waiting), *_uploads(self._refused)]
        self._last = max((int(path.stem) for path in names), default=0)

    @property
    def folder(self) -> Path:
        """Return the folder of the waiting files."""
        return self._waiting

    def add(self, part: FilePart) -> Waiting:
        """Keep ``part`` until it is received; on return it is safely on disk.

        Raises ``StateError`` when there is no room for it: then it is not kept.
        """
        self._last += 1
        path = self._waiting / f"{self._last:012d}{_SUFFIX}"
        head = json.dumps({"name": part.name, "filename": part.filename}).encode() + b"\n"
        write_private(path, head + part.content)
        return Waiting(path, len(head) + len(part.content))

    def pending(self) -> list[Waiting]:
        """Return the waiting files, oldest first."""
        return [Waiting(path, path.stat().st_size) for path in sorted(_uploads(self._waiting))]

    def forget(self, waiting: Waiting) -> None:
        """Delete a file that the server has received."""
        try:
            waiting.path.unlink()
            sync_folder(self._waiting)
        except OSError as error:
            raise StateError(f"cannot delete {waiting.path}: {error.strerror}") from error

    def set_aside(self, waiting: Waiting, reason: str) -> Path:
        """Move a file that will never be accepted out of the way, with ``reason`` beside it.

        A full disk costs the reason, never the way: moving needs no room.
        """
        kept = self._refused / waiting.path.name
        try:
            waiting.path.replace(kept)
            sync_folder(self._waiting)
            sync_folder(self._refused)
        except OSError as error:
            raise StateError(f"cannot move {waiting.path}: {error.strerror}") from error
        with suppress(StateError):
            write_private(kept.with_suffix(".reason"), reason.encode() + b"\n")
        return kept


def _uploads(folder: Path) -> list[Path]:
    """Return the files that the spool has made in ``folder``; others are none of its business."""
    return [path for path in folder.glob(f"*{_SUFFIX}") if path.stem.isdecimal()]


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
