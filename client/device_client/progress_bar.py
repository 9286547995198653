"""A progress bar on the terminal: the share of the waiting bytes that has been sent."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TextIO

_WIDTH = 30


def format_bar(done: int, total: int) -> str:
    """Return ``done`` of ``total`` bytes as a bar, a percentage and megabytes."""
    share = min(1.0, done / total) if total else 1.0
    full = int(share * _WIDTH)
    megabytes = f"{done / 1e6:.1f} of {total / 1e6:.1f} MB"
    return f"[{'#' * full}{'.' * (_WIDTH - full)}] {int(share * 100):3d} %  {megabytes}"


@dataclass
class ProgressBar:
    """Draws the bar on ``stream`` if that is a terminal; silent otherwise.

    ``total`` is the number of waiting bytes. A repeated request starts the bar again where that
    request started.
    """

    stream: TextIO
    total: int = 0
    _done: int = 0
    _drawn: str = field(default="", init=False)

    def show_sent(self, request_bytes: int) -> None:
        """Show that ``request_bytes`` of the current request have been sent."""
        self._draw(format_bar(min(self._done + request_bytes, self.total), self.total))

    def add_done(self, size: int) -> None:
        self._done += size

    def clear(self) -> None:
        """Remove the bar, before a line is printed or at the end."""
        self._draw("")

    def _draw(self, text: str) -> None:
        if text != self._drawn and self.stream.isatty():
            self.stream.write("\r" + text + " " * (len(self._drawn) - len(text)))
            self.stream.write("\r" if not text else "")
            self.stream.flush()
            self._drawn = text


class CountingBody(io.BytesIO):
    """A request body that calls ``on_sent`` with the number of bytes read from it so far."""

    def __init__(self, content: bytes, on_sent: Callable[[int], None]) -> None:
        super().__init__(content)
        self._on_sent = on_sent

    def read(self, size: int | None = -1, /) -> bytes:
        chunk = super().read(size)
        self._on_sent(self.tell())
        return chunk
