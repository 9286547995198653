"""Which events reach the audit trail, and what of a row may be written down there."""

from __future__ import annotations

import json
from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db import models
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_save
from django.http import HttpRequest

from identities.audit import recorder
from identities.audit.recorder import Action

TRACKED = (
    "identities.Identity",
    "identities.PreSharedKey",
    "identities.Enrolment",
    "identities.AccessToken",
    "ingest.DeviceCertificate",
    "ingest.MeasurementType",
    "ingest.MeasurementType",
    "ingest.RetentionPolicy",
    "ingest.Withdrawal",
    "auth.User",
    "auth.Group",
    "otp_totp.TOTPDevice",
    "otp_static.StaticDevice",
)
MANY_TO_MANY = ("auth.User_groups", "auth.User_user_permissions", "auth.Group_permissions")
# Written with every login or every code; the login itself is recorded.
_NOT_TOLD = {"last_login", "last_t", "drift", "last_used_at"}
_NOT_TOLD |= {"throttling_failure_count", "throttling_failure_timestamp"}
_SECRET = {"password", "key", "token", "digest", "secret"}
HIDDEN = "(hidden)"
MAX_VALUE = 500


def connect() -> None:
    """Connect everything; called once, where there is an admin."""
    for label in TRACKED:
        uid = f"identities.audit.recorder {label}"
        pre_save.connect(_remember, sender=label, dispatch_uid=uid)
        post_save.connect(_saved, sender=label, dispatch_uid=uid)
        post_delete.connect(_deleted, sender=label, dispatch_uid=uid)
    for label in MANY_TO_MANY:
        m2m_changed.connect(
            _related, sender=label, dispatch_uid=f"identities.audit.recorder {label}"
        )
    post_save.connect(_noted, sender="admin.LogEntry", dispatch_uid="identities.audit.recorder")
    user_logged_in.connect(_logged_in, dispatch_uid="identities.audit.recorder")
    user_logged_out.connect(_logged_out, dispatch_uid="identities.audit.recorder")
    user_login_failed.connect(_login_failed, dispatch_uid="identities.audit.recorder")


def snapshot(row: models.Model) -> dict[str, Any]:
    """Return the row's values by field, as JSON takes them; of secrets nothing but the field."""
    values = {}
    for column in row._meta.concrete_fields:
        if column.name not in _NOT_TOLD and not column.primary_key:
            is_secret = column.name in _SECRET or isinstance(column, models.BinaryField)
            values[column.name] = HIDDEN if is_secret else _plain(column.value_from_object(row))
    return values


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    return str(value)[:MAX_VALUE]


def _secrets(row: models.Model) -> dict[str, Any]:
    return {
        one.name: one.value_from_object(row)
        for one in row._meta.concrete_fields
        if one.name in _SECRET
    }


def _remember(sender: type[models.Model], instance: models.Model, **kwargs: Any) -> None:
    who = recorder.actor()
    if who is None or instance._state.adding:
        return
    stored = sender._default_manager.filter(pk=instance.pk).first()
    if stored is not None:
        who.before[id(instance)] = (snapshot(stored), _secrets(stored))


def _saved(sender: type[models.Model], instance: models.Model, created: bool, **kw: Any) -> None:
    who = recorder.actor()
    if who is None:
        return
    now = snapshot(instance)
    old, old_secrets = who.before.pop(id(instance), ({}, {}))
    if created:
        recorder.record(Action.ADD, instance, changes={name: [None, now[name]] for name in now})
        return
    changes = {name: [old.get(name), now[name]] for name in now if now[name] != old.get(name)}
    secrets = _secrets(instance)
    changes |= {
        name: [HIDDEN, HIDDEN] for name in secrets if secrets[name] != old_secrets.get(name)
    }
    if changes:
        recorder.record(Action.CHANGE, instance, changes=changes)


def _deleted(sender: type[models.Model], instance: models.Model, **kwargs: Any) -> None:
    values = snapshot(instance)
    recorder.record(
        Action.DELETE, instance, changes={name: [values[name], None] for name in values}
    )


def _related(
    instance: models.Model,
    action: str,
    model: type[models.Model],
    pk_set: set[Any] | None,
    **kwargs: Any,
) -> None:
    if action not in ("post_add", "post_remove", "pre_clear") or recorder.actor() is None:
        return
    names = sorted(str(row) for row in model._default_manager.filter(pk__in=pk_set or ()))
    change = [None, names] if action == "post_add" else [names or "all", None]
    if pk_set or action == "pre_clear":
        changes = {str(model._meta.verbose_name_plural): change}
        recorder.record(Action.CHANGE, instance, changes=changes)


def _noted(instance: Any, **kwargs: Any) -> None:
    # What an admin page says in words (a key was revoked) is done by UPDATE, without a signal.
    # What it says as JSON was a form, whose rows have been recorded with their values.
    try:
        json.loads(instance.change_message or "[]")
    except ValueError:
        recorder.record(
            Action.NOTED,
            changes={"message": [None, str(instance.change_message)[:MAX_VALUE]]},
            text=instance.object_repr,
            object_type=".".join(instance.content_type.natural_key()),
            object_id=str(instance.object_id)[:64],
        )


def _logged_in(request: HttpRequest, user: Any, **kwargs: Any) -> None:
    recorder.record(Action.LOGIN, user_number=user.pk, username=user.get_username())


def _logged_out(request: HttpRequest, user: Any, **kwargs: Any) -> None:
    if user is not None:
        recorder.record(Action.LOGOUT, user_number=user.pk, username=user.get_username())


def _login_failed(
    credentials: dict[str, Any], request: HttpRequest | None = None, **kwargs: Any
) -> None:
    if request is not None:
        recorder.record_attempt(Action.LOGIN_FAILED, request, str(credentials.get("username", "")))
