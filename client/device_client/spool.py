"""The spool: measurement files on disk until the server has stored them, safe from power cuts.

A waiting file on disk is one line of JSON (``name``, ``filename``) followed by the bytes to send.
It is written under another name, flushed and renamed, so that an existing file is always complete.
Its number gives the order: ``000000000005.upload``; ``000000000005-000001.upload`` is a part of it.
"""

from __future__ import annotations

import json
import re
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
_NUMBERS = re.compile(r"(\d+)(?:-\d+)*\.upload")
_PART_OVERHEAD_BYTES = 1024  # a part's head and delimiter


@dataclass(frozen=True)
class PendingFile:
    """A waiting file: its path and its size in bytes."""

    path: Path
    size: int

    def read(self) -> FilePart:
        """Return the file as it is sent; raise ``DamagedFile`` if its first line is unreadable."""
        try:
            head, _, content = self.path.read_bytes().partition(b"\n")
            facts = json.loads(head)
            return FilePart(str(facts["name"]), str(facts["filename"]), content)
        except OSError as error:
            raise StateError(f"cannot read {self.path}: {error.strerror}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise DamagedFile(f"{self.path} is damaged: its header is unreadable") from error


class Spool:
    """The waiting files below ``folder``, oldest first.

    Not safe for several processes: ``StateFolder`` holds the lock.
    """

    def __init__(self, folder: Path) -> None:
        self._pending = folder / "spool"
        self._refused = folder / "refused"
        for path in (self._pending, self._refused):
            make_private_folder(path)
        for draft in self._pending.glob(f"*{DRAFT_SUFFIX}"):
            draft.unlink()  # incomplete after a power cut; its ``add`` has not returned
        self._delete_incomplete_splits()
        paths = [*_list_files(self._pending), *_list_files(self._refused)]
        self._last_number = max((int(path.stem.split("-")[0]) for path in paths), default=0)

    @property
    def folder(self) -> Path:
        return self._pending

    def add(self, part: FilePart) -> PendingFile:
        """Keep ``part`` until it is received; on return it is durable on disk.

        Raises ``StateError`` if the disk is full: then the file is not kept.
        """
        self._last_number += 1
        path = self._pending / f"{self._last_number:012d}{_SUFFIX}"
        return _write(path, part)

    def list_pending(self) -> list[PendingFile]:
        """Return the waiting files, oldest first."""
        paths = sorted(_list_files(self._pending))
        return [PendingFile(path, path.stat().st_size) for path in paths]

    def split(self, file: PendingFile, contents: Sequence[bytes]) -> list[PendingFile]:
        """Replace ``file`` by files of ``contents``, at its place in the order.

        After a power cut there are either all parts or the file itself.
        """
        whole = file.read()
        parts = []
        for number, content in enumerate(contents, 1):
            path = file.path.with_name(f"{file.path.stem}-{number:06d}{_SUFFIX}")
            filename = f"{whole.filename}.part{number}" if whole.filename else ""
            parts.append(_write(path, FilePart(whole.name, filename, content)))
        self.delete(file)
        return parts

    def _delete_incomplete_splits(self) -> None:
        """Delete the parts of files that are still there: a power cut interrupted ``split``."""
        paths = _list_files(self._pending)
        whole = {path.stem for path in paths}
        for path in paths:
            numbers = path.stem.split("-")
            if any("-".join(numbers[:length]) in whole for length in range(1, len(numbers))):
                path.unlink()

    def delete(self, file: PendingFile) -> None:
        """Delete a file that the server has stored."""
        try:
            file.path.unlink()
            sync_folder(self._pending)
        except OSError as error:
            raise StateError(f"cannot delete {file.path}: {error.strerror}") from error

    def move_to_refused(self, file: PendingFile, reason: str) -> Path:
        """Move a file that will never be accepted to ``refused/``, with ``reason`` next to it.

        On a full disk only the reason is lost: moving the file needs no disk space.
        """
        kept = self._refused / file.path.name
        try:
            file.path.replace(kept)
            sync_folder(self._pending)
            sync_folder(self._refused)
        except OSError as error:
            raise StateError(f"cannot move {file.path}: {error.strerror}") from error
        with suppress(StateError):
            write_private(kept.with_suffix(".reason"), reason.encode() + b"\n")
        return kept


def _list_files(folder: Path) -> list[Path]:
    """Return the spool's own files in ``folder``; ignore other files."""
    return [path for path in folder.glob(f"*{_SUFFIX}") if _NUMBERS.fullmatch(path.name)]


def _write(path: Path, part: FilePart) -> PendingFile:
    head = json.dumps({"name": part.name, "filename": part.filename}).encode() + b"\n"
    write_private(path, head + part.content)
    return PendingFile(path, len(head) + len(part.content))


def group_by_request(
    pending: Sequence[PendingFile], max_files: int, max_bytes: int
) -> list[list[PendingFile]]:
    """Split ``pending``, in order, into groups that fit into one request each.

    A file that exceeds ``max_bytes`` forms a group alone: the server refuses it with its reason.
    """
    groups: list[list[PendingFile]] = []
    free_bytes = 0
    for file in pending:
        cost = file.size + _PART_OVERHEAD_BYTES
        if not groups or len(groups[-1]) >= max_files or cost > free_bytes:
            groups.append([])
            free_bytes = max_bytes - _PART_OVERHEAD_BYTES
        groups[-1].append(file)
        free_bytes -= cost
    return groups
