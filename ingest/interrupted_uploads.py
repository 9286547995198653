"""Uploads in which a worker died: the same upload has to wait, so that it does not kill the next.

A worker marks a large upload before it reads the body and clears the mark afterwards. The mark is
in a file that the process keeps locked. The kernel releases the lock when the process ends, so a
mark in a file without a lock was left by a process that died. It becomes a row, which monitoring
can read, and the same certificate with the same length gets 503 for a time that doubles with each
death. It is never a final refusal, which would make the device discard its data.
"""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from ingest.models import InterruptedUpload
from ingest.storage import transactions

logger = logging.getLogger(__name__)

FIRST_WAIT_SECONDS: Final = 15
MAX_WAIT_SECONDS: Final = 3600
MAX_ROWS: Final = 1_000


class UploadInterrupted(Exception):
    """A worker died in the same upload; it may be tried again in ``retry_after`` seconds."""

    outcome = "upload_interrupted"

    def __init__(self, retry_after: int) -> None:
        super().__init__(
            "A process of the server ended while it read this upload. Keep the data and send the "
            "same again after Retry-After seconds."
        )
        self.retry_after = retry_after


_own: int | None = None  # this process's file of marks, locked while the process lives


def ensure_not_interrupted(sha256: bytes, size: int) -> bool:
    """Raise ``UploadInterrupted`` if this upload has to wait; return whether a worker died in it.

    ``sha256`` is the certificate's fingerprint, ``size`` the length of the body as sent.
    """
    record_deaths()
    row = transactions.run_with_retry(
        lambda: InterruptedUpload.objects.filter(sha256=sha256, size=size).first()
    )
    if row is None:
        return False
    wait = (row.retry_at - timezone.now()).total_seconds()
    if wait > 0:
        raise UploadInterrupted(int(wait) + 1)
    return True


@contextmanager
def marked(sha256: bytes, size: int) -> Iterator[None]:
    """Mark this upload while the block runs; raise ``UploadInterrupted`` if it has to wait."""
    has_died = ensure_not_interrupted(sha256, size)
    handle = _own_file()
    os.pwrite(handle, f"{sha256.hex()} {size}".encode(), 0)
    try:
        yield
    finally:
        os.ftruncate(handle, 0)
    if has_died:
        transactions.run_with_retry(
            lambda: InterruptedUpload.objects.filter(sha256=sha256, size=size).delete()
        )


def record_deaths() -> None:
    """Record the marks that processes left when they died, and remove their files."""
    with suppress(FileNotFoundError), os.scandir(settings.UPLOAD_MARKS_DIR) as entries:
        for entry in entries:
            with suppress(OSError):
                _record_death(Path(entry.path))


def _record_death(path: Path) -> None:
    handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # BlockingIOError while it lives
        mark = os.pread(handle, 200, 0).decode()
        if mark:
            fingerprint, size = mark.split()
            transactions.run_with_retry(lambda: _count_death(bytes.fromhex(fingerprint), int(size)))
        path.unlink(missing_ok=True)
    finally:
        os.close(handle)


def _count_death(sha256: bytes, size: int) -> None:
    now = timezone.now()
    with transaction.atomic():
        row, _ = InterruptedUpload.objects.select_for_update().get_or_create(
            sha256=sha256, size=size, defaults={"last_at": now, "retry_at": now}
        )
        wait = min(FIRST_WAIT_SECONDS << min(row.count, 20), MAX_WAIT_SECONDS)
        row.count += 1
        row.last_at, row.retry_at = now, now + timedelta(seconds=wait)
        row.save()
        excess = InterruptedUpload.objects.order_by("-last_at").values("pk")[MAX_ROWS:]
        InterruptedUpload.objects.filter(pk__in=list(excess.values_list("pk", flat=True))).delete()
    logger.error(
        "a worker died in an upload of %d bytes certificate=%s deaths=%d",
        size,
        sha256.hex(),
        row.count,
    )


def _own_file() -> int:
    global _own  # noqa: PLW0603 - one a process
    if _own is None:
        folder = Path(settings.UPLOAD_MARKS_DIR)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        while _own is None:
            path = folder / f"{os.getpid()}-{secrets.token_hex(8)}"
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            fcntl.flock(handle, fcntl.LOCK_EX)
            if os.fstat(handle).st_nlink:  # nobody took it for a dead process's before the lock
                _own = handle
            else:
                os.close(handle)
    return _own
