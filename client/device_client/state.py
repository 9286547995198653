"""What a device keeps on disk: its key and certificate, and the files that wait to be sent."""

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
    """A device's folder: 0700 when made here, every file in it 0600. One process at a time.

    ``device.pem`` holds key and certificate in one file, so that no power cut can part them;
    ``device.next.pem`` those that shall replace them, while that is under way.
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
            raise StateError(f"another device runs in {path}") from error
        except OSError as error:
            raise StateError(f"cannot use {path}: {error.strerror}") from error

    def close(self) -> None:
        """Let another process use the folder. Safe to repeat."""
        self._open.close()

    @property
    def has_credentials(self) -> bool:
        """Tell whether the device has a key and certificate."""
        return self.credentials.exists()

    def ensure_credentials(self) -> CertificateFacts:
        """Return the facts of the device's certificate, made now if it has none."""
        return _ensure(self.credentials, datetime.now(UTC))

    @property
    def has_next(self) -> bool:
        """Tell whether a next key and certificate were made."""
        return self.next_credentials.exists()

    def ensure_next(self, now: datetime) -> CertificateFacts:
        """Return the facts of the next certificate, made now, for ``now``, if there is none."""
        return _ensure(self.next_credentials, now)

    def adopt_next(self) -> None:
        """Make the next key and certificate the device's, in one step; the old ones are gone."""
        self.next_credentials.replace(self.credentials)
        sync_folder(self.path)

    def discard_next(self) -> None:
        """Forget the next key and certificate."""
        self.next_credentials.unlink(missing_ok=True)
        sync_folder(self.path)

    def write_authorities(self, bundle: bytes) -> Path:
        """Keep ``bundle`` (PEM) as the authorities that may certify the server."""
        path = self.path / "authorities.pem"
        write_private(path, bundle)
        return path


def _ensure(path: Path, now: datetime) -> CertificateFacts:
    if not path.exists():
        write_private(path, make_credentials(now))
    try:
        return read_facts(path.read_bytes())
    except ValueError as error:
        raise StateError(f"{path} is unusable: {error}") from error
