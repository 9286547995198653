"""Private files, written atomically and durably."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from device_client.errors import StateError

DRAFT_SUFFIX = ".draft"


def make_private_folder(path: Path) -> None:
    """Create ``path`` with mode 0700, and its missing parents; leave an existing folder alone."""
    if not path.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)


def write_private(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path`` with mode 0600; a power cut leaves the old or the new file.

    Raises ``StateError`` if the disk is full, and leaves no partial file behind.
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
            draft.unlink()  # a partial file would take the disk space that is missing
        raise StateError(f"cannot write {path}: {error.strerror}") from error


def sync_folder(path: Path) -> None:
    """Flush the folder's entries to disk: new, renamed and deleted names survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
