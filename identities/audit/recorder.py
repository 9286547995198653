"""The audit trail: who did what at the staff door, from which address, with old and new values.

``TrailMiddleware`` says who is acting; Django's own signals say what is done, so that no page
can forget to tell. Where nobody is acting (the device door, a migration) nothing is recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db import models
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

from identities.audit.models import AuditEvent
from identities.client_ip import client_address

Action = AuditEvent.Action
# What leaves the installation: recorded when it was answered.
EXPORTS = (
    "admin:ingest_measurement_content",
    "read_api:archive",
    "read_api:content",
    "read_api:fhir",
    "read_api:open_mhealth",
    "read_api:originals",
    "read_api:samples",
)
REPEATED_WITHIN = timedelta(minutes=1)


@dataclass
class Actor:
    """Who is acting: known by the request, or by the name of who runs a command."""

    request: HttpRequest | None = None
    username: str = ""
    before: dict[int, tuple[dict[str, Any], dict[str, Any]]] = field(default_factory=dict)

    def columns(self) -> dict[str, Any]:
        """Return what a row says of the actor."""
        if self.request is None:
            return {"username": self.username}
        user = getattr(self.request, "user", None)
        known = user is not None and user.is_authenticated
        return {
            "username": user.get_username() if user is not None and known else "",
            "user_number": user.pk if user is not None and known else None,
            "address": client_address(self.request),
            "request_id": self.request.META.get("HTTP_X_REQUEST_ID", "")[:64],
        }


_actor: ContextVar[Actor | None] = ContextVar("actor", default=None)


def actor() -> Actor | None:
    """Return who is acting now, if anybody is."""
    return _actor.get()


@contextmanager
def as_actor(who: Actor) -> Iterator[None]:
    """Have what is done inside recorded as done by ``who``."""
    token = _actor.set(who)
    try:
        yield
    finally:
        _actor.reset(token)


class TrailMiddleware:
    """Lets the request's user be the one who acts, and records what was taken out."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Return the answer."""
        with as_actor(Actor(request)):
            answer = self._get_response(request)
            match = request.resolver_match
            if match and match.view_name in EXPORTS and answer.status_code < 300:
                record(Action.EXPORT, text=request.get_full_path())
        return answer


def record(
    action: str,
    row: models.Model | None = None,
    *,
    changes: dict[str, Any] | None = None,
    text: str = "",
    **columns: Any,
) -> None:
    """Add a row about what the actor does to ``row``; nothing where nobody is acting."""
    who = actor()
    if who is None:
        return
    said = {"object_repr": text[:200], "changes": changes or {}}
    if row is not None:
        said |= {
            "object_type": row._meta.label_lower,
            "object_id": str(row.pk)[:64],
            "object_repr": (text or str(row))[:200],
        }
    AuditEvent.objects.create(action=action, **(who.columns() | said | columns))


def record_attempt(action: str, request: HttpRequest, typed: str) -> None:
    """Record a failed login: once a minute for each user and address.

    A name that nobody has is not kept: it may be a password.
    """
    user = get_user_model()._default_manager.filter(username=typed).first()
    address = client_address(request)
    columns = {
        "action": action,
        "username": user.get_username() if user else "",
        "address": address,
    }
    recent = AuditEvent.objects.filter(created_at__gt=timezone.now() - REPEATED_WITHIN, **columns)
    if not recent.exists():
        AuditEvent.objects.create(
            **columns,
            user_number=user.pk if user else None,
            request_id=request.META.get("HTTP_X_REQUEST_ID", "")[:64],
        )
