"""A proxy in front of PostgreSQL that drops the response to a COMMIT."""

from __future__ import annotations

import contextlib
import socket
import threading
from pathlib import Path


class ResponseDroppingProxy:
    """Forwards bytes until a statement contains ``mark``, then drops response and connection.

    PostgreSQL executes the statement; its sender sees a broken connection. ``dropped`` counts the
    dropped responses.
    """

    def __init__(self, folder: Path, server: Path) -> None:
        self.mark = b""
        self.dropped = 0
        self._server = server / ".s.PGSQL.5432"
        self._ends: list[socket.socket] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / ".s.PGSQL.5432"))
        self._listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Close the listener and all connections."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for end in self._ends:
            end.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                self._ends += [client, server]
                server.connect(str(self._server))
                armed = threading.Event()
                for source, target, is_client in ((client, server, True), (server, client, False)):
                    threading.Thread(
                        target=self._forward, args=(source, target, is_client, armed), daemon=True
                    ).start()

    def _forward(
        self, source: socket.socket, target: socket.socket, is_client: bool, armed: threading.Event
    ) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if is_client and self.mark and self.mark in data:
                    self.mark = b""
                    armed.set()
                if not is_client and armed.is_set():
                    self.dropped += 1
                    break
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
