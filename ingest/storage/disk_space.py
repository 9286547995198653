"""Whether there is room to store: asked of the file systems, every few seconds at most.

A PostgreSQL whose disk is full stops in the middle of its work, and nothing can be deleted from
it then. So the door takes no files while less than ``MIN_FREE_DISK_BYTES`` is free in one of
``DISK_SPACE_PATHS``, and takes them again as soon as there is more. What is left is for what
makes room: compaction, pruning, a person.
"""

from __future__ import annotations

import logging
import os
import random
import time
from dataclasses import dataclass, field

from django.conf import settings

from ingest.errors import DatabaseUnavailable

logger = logging.getLogger(__name__)

LOOK_AGAIN_AFTER_SECONDS = 2.0
# Room is made by a person, or by a job of the night: no hurry. The span keeps devices apart.
RETRY_AFTER_SECONDS = (30, 90)


@dataclass(frozen=True, slots=True)
class Folder:
    """How many bytes are free for ordinary users in ``path``; None if it cannot be looked at."""

    path: str
    free: int | None

    @property
    def is_short(self) -> bool:
        """Tell whether too little is free."""
        return self.free is not None and self.free < settings.MIN_FREE_DISK_BYTES


@dataclass(slots=True)
class _Looked:
    at: float = float("-inf")
    low: list[Folder] = field(default_factory=list)


_looked = _Looked()


def measure() -> list[Folder]:
    """Return what is free in each of ``DISK_SPACE_PATHS``, as of now."""
    return [Folder(path, _free(path)) for path in settings.DISK_SPACE_PATHS]


def low() -> list[Folder]:
    """Return the folders in which too little is free."""
    return [folder for folder in measure() if folder.is_short]


def ensure_free() -> None:
    """Raise ``DatabaseUnavailable`` while too little is free; looks every two seconds at most."""
    now = time.monotonic()
    if now - _looked.at >= LOOK_AGAIN_AFTER_SECONDS:
        found = low()
        _report(was=_looked.low, found=found)
        _looked.at, _looked.low = now, found
    if _looked.low:
        raise DatabaseUnavailable(
            "The server's disk is nearly full: no files are taken until there is room again.",
            retry_after=random.randint(*RETRY_AFTER_SECONDS),  # noqa: S311 - jitter
        )


def _report(was: list[Folder], found: list[Folder]) -> None:
    for folder in found:
        logger.error(
            "no files are taken: %s bytes free in %s, %s wanted",
            folder.free,
            folder.path,
            settings.MIN_FREE_DISK_BYTES,
        )
    if was and not found:
        logger.warning("files are taken again: there is room in %s", was[0].path)


def _free(path: str) -> int | None:
    try:
        found = os.statvfs(path)
    except OSError:
        return None  # the doctor says so
    return found.f_bavail * found.f_frsize
