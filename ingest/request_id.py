"""The id of the request that is being answered: one from nginx to the error body and each log line.

Held in a context variable, so that whoever logs need not be handed it.
"""

from __future__ import annotations

from contextvars import ContextVar

_current: ContextVar[str] = ContextVar("request_id", default="")


def begin(identifier: str) -> None:
    """Say which request is answered from here on; "" for none."""
    _current.set(identifier)


def current() -> str:
    """Return the id of the request that is being answered, "" outside of one."""
    return _current.get()
