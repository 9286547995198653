"""A file that only grows, whose bytes are taken away as they come: for streaming. Pure."""

from __future__ import annotations

import io


class GrowingFile(io.RawIOBase):
    """What is written to it stays in memory until it is taken."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []
        self._written = 0

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, data: object) -> int:
        """Keep a copy of ``data``, which may be any buffer; return its size."""
        piece = bytes(data)  # type: ignore[call-overload]  # pyarrow uses its buffers again
        self._pieces.append(piece)
        self._written += len(piece)
        return len(piece)

    def tell(self) -> int:
        """Return how many bytes were written in all."""
        return self._written

    def take(self) -> bytes:
        """Return what was written since the last call."""
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken
