"""Files that only their owner can read, written whole or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from device_client.errors import StateError

DRAFT_SUFFIX = ".draft"


def make_private_folder(path: Path) -> None:
    """Make ``path`` and its missing parents; what is made is 0700, what exists is left alone."""
    if not path.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)


def write_private(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path``, 0600, so that a power cut leaves the old or the new file.

    Raises ``StateError`` when there is no room, and leaves nothing behind.
    """
    draft = path.with_name(path.name + DRAFT_SUFFIX)
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):
            draft.unlink()  # half a file would take the room that is missing
        raise StateError(f"cannot write {path}: {error.strerror}") from error


def sync_folder(path: Path) -> None:
    """Make names that were added to or taken from the folder ``path`` survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
