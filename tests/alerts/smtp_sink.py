"""A mail server that keeps messages: the part of SMTP that Django's mail uses."""

from __future__ import annotations

import email
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from email.policy import default
from typing import cast


class Sink(socketserver.ThreadingTCPServer):
    """Keeps each message with its recipients; ``refuses`` makes it refuse each with 451."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.messages: list[tuple[list[str], Message]] = []
        self.refuses = False

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Session(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        sink, recipients = cast(Sink, self.server), []
        self._say("220 sink")
        for line in iter(self.rfile.readline, b""):
            verb = line[:4].upper()
            if verb == b"RCPT":
                recipients.append(line.split(b"<")[1].split(b">")[0].decode())
            if verb == b"MAIL" and sink.refuses:
                self._say("451 not now")
            elif verb == b"DATA":
                self._say("354 go on")
                sink.messages.append((recipients, self._message()))
                self._say("250 kept")
            elif verb == b"QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 fine")

    def _message(self) -> Message:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line.removeprefix(b"."))
        return email.message_from_bytes(b"".join(lines), policy=default)

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@contextmanager
def smtp_sink() -> Iterator[Sink]:
    """Run a sink in a thread."""
    with Sink() as sink:
        thread = threading.Thread(target=sink.serve_forever, args=(0.05,))
        thread.start()
        yield sink
        sink.shutdown()
        thread.join()


def text_of(message: Message) -> str:
    content = message.get_content()  # type: ignore[attr-defined]
    assert isinstance(content, str)
    return content
