"""A device's folder on disk: its key and certificate, and the spool of waiting files."""

from __future__ import annotations

import fcntl
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from device_client.atomic_files import make_private_folder, sync_folder, write_private
from device_client.certificate import CertificateFacts, make_credentials, read_facts
from device_client.errors import StateError
from device_client.spool import Spool


class StateFolder:
    """A device's folder (mode 0700, files 0600), locked for one process at a time.

    ``device.pem`` holds key and certificate in one file, so that a power cut cannot separate them;
    ``device.next.pem`` holds their replacement during a renewal.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.credentials = path / "device.pem"
        self.next_credentials = path / "device.next.pem"
        try:
            make_private_folder(path)
            with ExitStack() as stack:
                (path / "lock").touch(mode=0o600)
                lock = stack.enter_context((path / "lock").open("ab"))
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self.spool = Spool(path)
                self._open = stack.pop_all()
        except BlockingIOError as error:
            raise StateError(f"another device uses {path}") from error
        except OSError as error:
            raise StateError(f"cannot use {path}: {error.strerror}") from error

    def close(self) -> None:
        """Release the lock. Safe to repeat."""
        self._open.close()

    def ensure_credentials(self) -> CertificateFacts:
        """Return the facts of the device's certificate; make one first if there is none."""
        return _read_or_make(self.credentials, datetime.now(UTC))

    @property
    def has_next(self) -> bool:
        """Whether a renewal has made the next key and certificate."""
        return self.next_credentials.exists()

    def ensure_next(self, now: datetime) -> CertificateFacts:
        """Return the facts of the next certificate; make one from ``now`` if there is none."""
        return _read_or_make(self.next_credentials, now)

    def adopt_next(self) -> None:
        """Replace the current key and certificate with the next ones, atomically."""
        self.next_credentials.replace(self.credentials)
        sync_folder(self.path)

    def discard_next(self) -> None:
        self.next_credentials.unlink(missing_ok=True)
        sync_folder(self.path)

    def write_authorities(self, bundle: bytes) -> Path:
        """Write the PEM text of the authorities that may certify the server; return its path."""
        path = self.path / "authorities.pem"
        write_private(path, bundle)
        return path


def _read_or_make(path: Path, now: datetime) -> CertificateFacts:
    if not path.exists():
        write_private(path, make_credentials(now))
    try:
        return read_facts(path.read_bytes())
    except ValueError as error:
        raise StateError(f"{path} is unusable: {error}") from error
