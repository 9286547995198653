"""Requests whose body stalls: the head and some of the body are sent, the rest never comes."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.device_endpoint.processes import descendants
from tests.support.devices import Device, RawAnswer
from tests.support.stack import Stack

FORM = "multipart/form-data; boundary=B"
LONG = 1_000_000
SOME_OF_IT = b"--B\r\nContent-Disposition: form-data; name=hr; filename=f\r\n\r\n" + b"1" * 70_000


def head(
    *,
    path: str = "/device_endpoint",
    method: str = "POST",
    media_type: str = FORM,
    length: int | None = LONG,
    more: str = "",
) -> bytes:
    """Return a request's head; without a length its body is chunked."""
    framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Type: {media_type}", framing]
    return "\r\n".join([*lines, *filter(None, [more]), "", ""]).encode()


def chunk(content: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(content), content)


@contextmanager
def stalled(device: Device, sent: bytes) -> Iterator[ssl.SSLSocket]:
    """Give a connection on which ``sent`` was sent and no more will be."""
    with device.connect() as connection:
        connection.sendall(sent)
        yield connection


def read_answer(connection: ssl.SSLSocket) -> RawAnswer:
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    headers = {name.lower(): value for name, value in answer.getheaders()}
    return answer.status, headers, answer.read()


def answer_while_stalled(device: Device, sent: bytes) -> RawAnswer:
    """Return the answer that arrives although the body never ends."""
    with stalled(device, sent) as connection:
        return read_answer(connection)


def spooled_sizes(stack: Stack) -> list[int]:
    """Return the sizes of the bodies that nginx holds on disk, in files that have no name."""
    assert stack.process is not None
    folder = str(stack.var_dir / "nginx" / "body")
    nginx = [pid for pid, command in descendants(stack.process.pid).items() if "nginx" in command]
    sizes = {}
    for pid in nginx:
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            try:
                if str(entry.readlink()).startswith(folder):
                    found = entry.stat()
                    sizes[found.st_ino] = found.st_size
            except OSError:
                continue
    return list(sizes.values())


def spooled_bytes(stack: Stack) -> int:
    return sum(spooled_sizes(stack))
