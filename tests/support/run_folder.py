"""The folder of a test run: the clusters and the files of its processes.

PostgreSQL waits for the disk at each commit. In memory it does not wait, and the tests lose
nothing: they kill processes, never the machine.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108 - a private folder is made in it
MIN_FREE_BYTES = 4 << 30
PREFIX = "device-endpoint-run-"


def make_run_folder() -> str:
    """Return a new folder, which is removed at the end of this process.

    Folders of runs that were killed are removed first: they would fill the memory.
    """
    parent = MEMORY if _has_room(MEMORY) else Path(tempfile.gettempdir())
    for left in parent.glob(f"{PREFIX}*"):
        remove_if_left(left)
    folder = tempfile.mkdtemp(prefix=PREFIX, dir=parent)
    while _lock(Path(folder)) is None:  # another run took it for a left one
        folder = tempfile.mkdtemp(prefix=PREFIX, dir=parent)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def remove_if_left(folder: Path) -> None:
    """Remove the folder of a run unless the process that made it is running."""
    handle = _lock(folder)
    if handle is not None:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def _has_room(folder: Path) -> bool:
    is_usable = folder.is_dir() and os.access(folder, os.W_OK)
    return is_usable and shutil.disk_usage(folder).free >= MIN_FREE_BYTES


def _lock(folder: Path) -> int | None:
    """Lock the folder until this process ends; return None if another process has locked it."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:  # it is another user's, or has just been removed
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle
