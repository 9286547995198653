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

_VALID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_current: ContextVar[str] = ContextVar("request_id", default="")


def begin(request: HttpRequest) -> str:
    """Make the id that nginx gave the request the current one and return it.

    A request without a valid id gets a new one, which stays with it.
    """
    identifier: str = request.META.get("HTTP_X_REQUEST_ID", "")
    if not _VALID.fullmatch(identifier):
        identifier = request.META["HTTP_X_REQUEST_ID"] = uuid.uuid4().hex
    _current.set(identifier)
    return identifier


def end() -> None:
    """Clear the current id: later log lines belong to no request."""
    _current.set("")


def current() -> str:
    """Return the id of the current request, "" outside of one."""
    return _current.get()
