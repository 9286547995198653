"""What a device keeps on disk: its key and certificate, and the files that wait to be sent."""

from __future__ import annotations

import fcntl
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from device_client.certificate import CertificateFacts, make_credentials, read_facts
from device_client.errors import StateError
from device_client.private_files import make_private_folder, write_private
from device_client.spool import Spool


class StateFolder:
    """A device's folder: 0700 when made here, every file in it 0600. One process at a time.

    ``device.pem`` holds key and certificate in one file, so that no power cut can part them.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.credentials = path / "device.pem"
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
        if not self.has_credentials:
            write_private(self.credentials, make_credentials(datetime.now(UTC)))
        try:
            return read_facts(self.credentials.read_bytes())
        except ValueError as error:
            raise StateError(f"{self.credentials} is unusable: {error}") from error

    def write_authorities(self, bundle: bytes) -> Path:
        """Keep ``bundle`` (PEM) as the authorities that may certify the server."""
        path = self.path / "authorities.pem"
        write_private(path, bundle)
        return path
