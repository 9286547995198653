"""Write audit events: who did what, from which address, with old and new values.

``AuditMiddleware`` and ``DatabaseCommand`` set the actor; ``signals`` records what the actor
changes, so that no page has to do it. Without an actor (device API, migrations) nothing is
recorded.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db import models
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

from identities import request_id
from identities.audit.models import AuditEvent
from identities.models import Identity
from identities.studies import Study, StudyIdentity

Action = AuditEvent.Action
# One failed login is recorded for each user and address in this time.
REPEAT_INTERVAL = timedelta(minutes=1)
_export_views: set[str] = set()
_EXPORTED = "identities.exported"  # in META, which all wrappers of a request share


@dataclass
class Actor:
    """Who acts: the user of a request, or the account that runs a command.

    ``before`` holds the old values and secrets of rows that are being saved, by ``id(row)``.
    """

    request: HttpRequest | None = None
    username: str = ""
    before: dict[int, tuple[dict[str, Any], dict[str, Any]]] = field(default_factory=dict)

    def columns(self) -> dict[str, Any]:
        """Return the columns of an audit event that describe the actor."""
        if self.request is None:
            return {"username": self.username}
        user = getattr(self.request, "user", None)
        known = user is not None and user.is_authenticated
        return {
            "username": user.get_username() if user is not None and known else "",
            "user_number": user.pk if user is not None and known else None,
            "address": read_client_ip(self.request),
            "request_id": request_id.read(self.request),
        }


_actor: ContextVar[Actor | None] = ContextVar("actor", default=None)


def current_actor() -> Actor | None:
    return _actor.get()


@contextmanager
def as_actor(actor: Actor) -> Iterator[None]:
    """Record everything that happens inside as done by ``actor``."""
    token = _actor.set(actor)
    try:
        yield
    finally:
        _actor.reset(token)


def register_exports(*view_names: str) -> None:
    """Record each successful answer of these views as an export: data leaves the installation."""
    _export_views.update(view_names)


def is_export(view_name: str) -> bool:
    return view_name in _export_views


def note_exported(request: HttpRequest, *identity_ids: int) -> None:
    """Tell which identities an export is about: it is in the audit log of their studies then."""
    request.META[_EXPORTED] = {*request.META.get(_EXPORTED, ()), *identity_ids}


class AuditMiddleware:
    """Makes the request's user the actor and records exports."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with as_actor(Actor(request)):
            response = self._get_response(request)
            match = request.resolver_match
            is_sent = request.method != "HEAD" and response.status_code < 300
            if match and match.view_name in _export_views and is_sent:
                identity_ids = request.META.get(_EXPORTED, ())
                record(Action.EXPORT, text=request.get_full_path(), identity_ids=identity_ids)
        return response


def read_client_ip(request: HttpRequest) -> str | None:
    """Return the browser's IP address as nginx reports it, None if it is unknown."""
    address = request.META.get("HTTP_X_REAL_IP") or request.META.get("REMOTE_ADDR") or ""
    try:
        return str(ipaddress.ip_address(address.partition("%")[0]))
    except ValueError:
        return None


def record(
    action: str,
    row: models.Model | None = None,
    *,
    changes: dict[str, Any] | None = None,
    text: str = "",
    identity_ids: Collection[int] = (),
    **columns: Any,
) -> None:
    """Add an event for what the current actor does to ``row``; do nothing without an actor.

    ``identity_ids`` are the identities that the event is about, by default that of ``row``.
    """
    actor = current_actor()
    if actor is None:
        return
    subject: dict[str, Any] = {"object_repr": text[:200], "changes": changes or {}}
    if row is not None:
        subject |= {
            "object_type": row._meta.label_lower,
            "object_id": str(row.pk)[:64],
            "object_repr": (text or str(row))[:200],
        }
    subject["study_ids"] = find_study_ids(row, identity_ids)
    AuditEvent.objects.create(action=action, **(actor.columns() | subject | columns))


def find_study_ids(row: models.Model | None, identity_ids: Collection[int] = ()) -> list[int]:
    """Return the studies whose admins may see the event: those of all its identities."""
    if isinstance(row, Study):
        return [row.pk]
    study_id = getattr(row, "study_id", None)
    if study_id is not None:
        return [study_id]
    if not identity_ids and row is not None:
        identity_id = row.pk if isinstance(row, Identity) else getattr(row, "identity_id", None)
        identity_ids = [] if identity_id is None else [identity_id]
    if not identity_ids:
        return []
    found = StudyIdentity.objects.filter(identity_id__in=identity_ids)
    counts = found.order_by().values_list("study_id").annotate(n=models.Count("pk"))
    return sorted(study for study, count in counts if count == len({*identity_ids}))


def record_failed_login(action: str, request: HttpRequest, username: str) -> None:
    """Record a failed login, at most once in ``REPEAT_INTERVAL`` for each user and address.

    A name that no user has is not stored: it may be a password.
    """
    user = get_user_model()._default_manager.filter(username=username).first()
    columns = {
        "action": action,
        "username": user.get_username() if user else "",
        "address": read_client_ip(request),
    }
    recent = AuditEvent.objects.filter(created_at__gt=timezone.now() - REPEAT_INTERVAL, **columns)
    if not recent.exists():
        AuditEvent.objects.create(
            **columns,
            user_number=user.pk if user else None,
            request_id=request_id.read(request),
        )
