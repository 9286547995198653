"""Free disk space: uploads pause while it is low.

A PostgreSQL whose disk is full stops in the middle of its work, and nothing can be deleted from
it then. So the device API accepts no files while less than ``MIN_FREE_DISK_BYTES`` is free in one
of ``DISK_SPACE_PATHS``, or on a node of a cluster. The rest is reserved for what frees space:
compaction, pruning, a person.
"""

from __future__ import annotations

import logging
import os
import random
import time
from dataclasses import dataclass, field
from typing import NoReturn

from django.conf import settings

from ingest.storage import cluster
from ingest.storage.transactions import DatabaseUnavailable

logger = logging.getLogger(__name__)

POLL_INTERVAL_SECONDS = 2.0
NODES_POLL_INTERVAL_SECONDS = 10.0
# A person or a nightly job frees space: no hurry. The random span spreads the devices.
RETRY_AFTER_SECONDS = (30, 90)


_FREE_ON_NODE = "SELECT available_disk_size FROM citus_local_disk_space_stats()"


@dataclass(frozen=True, slots=True)
class FreeSpace:
    """The bytes that ordinary users may still write in ``path``; None if it cannot be read.

    ``path`` is the name of the node for the data directory of a cluster's node.
    """

    path: str
    free: int | None

    @property
    def is_low(self) -> bool:
        return self.free is not None and self.free < settings.MIN_FREE_DISK_BYTES


@dataclass(slots=True)
class _LastMeasurement:
    at: float = float("-inf")
    low: list[FreeSpace] = field(default_factory=list)


_last, _last_of_nodes = _LastMeasurement(), _LastMeasurement()


def measure() -> list[FreeSpace]:
    """Return the free space of each of ``DISK_SPACE_PATHS``, measured now."""
    return [FreeSpace(path, _free(path)) for path in settings.DISK_SPACE_PATHS]


def measure_nodes() -> list[FreeSpace]:
    """Return the free space of each node of a cluster that reports it.

    Raises ``django.db.Error``.
    """
    return [
        FreeSpace(answer.node, int(answer.text))
        for answer in cluster.ask_all_nodes(_FREE_ON_NODE)
        if answer.text
    ]


def low() -> list[FreeSpace]:
    """Return the folders with too little free space."""
    return [folder for folder in measure() if folder.is_low]


def ensure_free() -> None:
    """Raise ``DatabaseUnavailable`` while space is low; measure every two seconds at most."""
    now = time.monotonic()
    if now - _last.at >= POLL_INTERVAL_SECONDS:
        folders = low()
        _log(before=_last.low, now=folders)
        _last.at, _last.low = now, folders
    if _last.low:
        _pause()


def ensure_nodes_free() -> None:
    """Raise ``DatabaseUnavailable`` while space is low on a node; measured as durability is."""
    now = time.monotonic()
    if now - _last_of_nodes.at >= NODES_POLL_INTERVAL_SECONDS:
        nodes = [node for node in measure_nodes() if node.is_low]
        _log(before=_last_of_nodes.low, now=nodes)
        _last_of_nodes.at, _last_of_nodes.low = now, nodes
    if _last_of_nodes.low:
        _pause()


class DiskNearlyFull(DatabaseUnavailable):
    """Uploads are paused until there is free space again."""

    title = "The server's disk is nearly full"


def _pause() -> NoReturn:
    raise DiskNearlyFull(
        "The server's disk is nearly full: uploads are paused until there is free space again.",
        retry_after=random.randint(*RETRY_AFTER_SECONDS),  # noqa: S311 - jitter
    )


def _log(before: list[FreeSpace], now: list[FreeSpace]) -> None:
    for folder in now:
        logger.error(
            "uploads paused: disk nearly full (%s bytes free in %s, %s required)",
            folder.free,
            folder.path,
            settings.MIN_FREE_DISK_BYTES,
        )
    if before and not now:
        logger.warning("uploads resumed: enough free space in %s", before[0].path)


def _free(path: str) -> int | None:
    try:
        status = os.statvfs(path)
    except OSError:
        return None  # manage.py doctor reports it
    return status.f_bavail * status.f_frsize
