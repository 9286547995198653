"""A bar that shows on a terminal how much of the waiting bytes has been sent."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TextIO

_WIDTH = 30


def bar(done: int, total: int) -> str:
    """Return ``done`` of ``total`` bytes as a bar, a percentage and megabytes."""
    share = min(1.0, done / total) if total else 1.0
    full = int(share * _WIDTH)
    megabytes = f"{done / 1e6:.1f} of {total / 1e6:.1f} MB"
    return f"[{'#' * full}{'.' * (_WIDTH - full)}] {int(share * 100):3d} %  {megabytes}"


@dataclass
class Progress:
    """Draws the bar on ``stream`` if that is a terminal; silent otherwise.

    ``total`` is the number of bytes that wait. What is sent again counts again, so the bar of a
    request that had to be repeated starts where that request started.
    """

    stream: TextIO
    total: int = 0
    _settled: int = 0
    _drawn: str = field(default="", init=False)

    def sent(self, of_request: int) -> None:
        """Show that ``of_request`` bytes of the current request have left."""
        self._draw(bar(min(self._settled + of_request, self.total), self.total))

    def settled(self, size: int) -> None:
        """Count a file of ``size`` bytes as dealt with."""
        self._settled += size

    def clear(self) -> None:
        """Take the bar away, before a line is printed or at the end."""
        self._draw("")

    def _draw(self, text: str) -> None:
        if text != self._drawn and self.stream.isatty():
            self.stream.write("\r" + text + " " * (len(self._drawn) - len(text)))
            self.stream.write("\r" if not text else "")
            self.stream.flush()
            self._drawn = text


class CountedBody(io.BytesIO):
    """A request's body that tells ``on_sent`` how many of its bytes have been read to be sent."""

    def __init__(self, content: bytes, on_sent: Callable[[int], None]) -> None:
        super().__init__(content)
        self._on_sent = on_sent

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next bytes, and tell how far that is."""
        chunk = super().read(size)
        self._on_sent(self.tell())
        return chunk
