"""Connections that send a request's head together with the beginning of its body.

The standard library writes the head and the body apart. On a TCP connection where the peer
delays its acknowledgements, that costs a small upload 40 ms; with TLS it costs a record more.
"""

from __future__ import annotations

from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPSConnectionPool

# Beyond this a body fills many packets anyway, and a second copy of it would only cost memory.
_HELD_BYTES = 64 * 1024


class _WholeRequestConnection(HTTPSConnection):
    _held: bytearray | None = None

    def request(self, *args: Any, **kwargs: Any) -> None:
        self._held = bytearray()
        try:
            super().request(*args, **kwargs)
            self._flush()
        finally:
            self._held = None

    def send(self, data: Any) -> None:
        if self._held is not None and isinstance(data, bytes | bytearray):
            if len(self._held) + len(data) <= _HELD_BYTES:
                self._held += data
                return
            self._flush()
        super().send(data)

    def _flush(self) -> None:
        held, self._held = self._held, None
        if held:
            super().send(bytes(held))


class _WholeRequestPool(HTTPSConnectionPool):
    ConnectionCls = _WholeRequestConnection


class WholeRequestAdapter(HTTPAdapter):
    """An adapter for ``requests`` whose HTTPS connections send head and body together.

    It never retries by itself: what may be sent again is decided in ``delivery``.
    """

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools of connections; called by the adapter's own constructor."""
        super().init_poolmanager(*args, **kwargs)
        pools = dict(self.poolmanager.pool_classes_by_scheme)
        self.poolmanager.pool_classes_by_scheme = {**pools, "https": _WholeRequestPool}
