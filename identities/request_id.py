"""The id of the current request: the same in nginx's log, our log lines and the answer's body.

A context variable holds it, so that no caller has to pass it to whatever logs.
"""

from __future__ import annotations

import re
import uuid
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.http import HttpRequest

_HEADER = "HTTP_X_REQUEST_ID"
_VALID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_current: ContextVar[str] = ContextVar("request_id", default="")


def read(request: HttpRequest) -> str:
    """Return the id that nginx or ``begin`` gave the request, "" without one."""
    identifier: str = request.META.get(_HEADER, "")
    return identifier if _VALID.fullmatch(identifier) else ""


def begin(request: HttpRequest) -> str:
    """Make the id that nginx gave the request the current one and return it.

    A request without a valid id gets a new one, which stays with it.
    """
    identifier = read(request)
    if not identifier:
        identifier = request.META[_HEADER] = uuid.uuid4().hex
    _current.set(identifier)
    return identifier


def end() -> None:
    """Clear the current id: later log lines belong to no request."""
    _current.set("")


def current() -> str:
    """Return the id of the current request, "" outside of one."""
    return _current.get()
