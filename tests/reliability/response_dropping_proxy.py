"""Stands between the product and PostgreSQL and keeps the answer to a COMMIT for itself."""

from __future__ import annotations

import contextlib
import socket
import threading
from pathlib import Path


class AnswerThief:
    """Passes bytes on until a statement contains ``mark``: its answer is lost, with the connection.

    The statement is carried out; who sent it sees a broken connection. ``stolen`` counts.
    """

    def __init__(self, folder: Path, server: Path) -> None:
        self.mark = b""
        self.stolen = 0
        self._server = server / ".s.PGSQL.5432"
        self._ends: list[socket.socket] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / ".s.PGSQL.5432"))
        self._listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections and end those that are there."""
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
                for source, target, asks in ((client, server, True), (server, client, False)):
                    threading.Thread(
                        target=self._pass_on, args=(source, target, asks, armed), daemon=True
                    ).start()

    def _pass_on(
        self, source: socket.socket, target: socket.socket, asks: bool, armed: threading.Event
    ) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if asks and self.mark and self.mark in data:
                    self.mark = b""
                    armed.set()
                if not asks and armed.is_set():
                    self.stolen += 1
                    break
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
