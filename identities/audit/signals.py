"""Record logins and changes of tracked models in the audit log, without their secrets."""

from __future__ import annotations

import json
from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.core.exceptions import ObjectDoesNotExist
from django.db import models
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_save
from django.http import HttpRequest

from identities.audit import recorder
from identities.audit.recorder import Action

TRACKED_MODELS = (
    "identities.Identity",
    "identities.PreSharedKey",
    "identities.Enrolment",
    "identities.AccessToken",
    "identities.Study",
    "identities.StudyIdentity",
    "identities.StudyMember",
    "identities.ProviderAccount",
    "auth.User",
    "auth.Group",
    "otp_totp.TOTPDevice",
    "otp_static.StaticDevice",
)
TRACKED_RELATIONS = ("auth.User_groups", "auth.User_user_permissions", "auth.Group_permissions")
# Written with every login or MFA code; the login itself is recorded.
_UNTRACKED_FIELDS = {
    "last_login",
    "last_t",
    "drift",
    "last_used_at",
    "throttling_failure_count",
    "throttling_failure_timestamp",
}
_SECRET_FIELDS = {"password", "key", "token", "digest", "secret"}
HIDDEN = "(hidden)"
MAX_VALUE_LENGTH = 500


def track(*labels: str) -> None:
    """Record additions, changes and deletions of models, each ``app_label.ModelName``."""
    for label in labels:
        uid = f"identities.audit {label}"
        pre_save.connect(_keep_old_values, sender=label, dispatch_uid=uid)
        post_save.connect(_record_save, sender=label, dispatch_uid=uid)
        post_delete.connect(_record_deletion, sender=label, dispatch_uid=uid)


def connect() -> None:
    """Track the models of this app and of Django's; called once, where the admin is installed."""
    track(*TRACKED_MODELS)
    uid = "identities.audit"
    for label in TRACKED_RELATIONS:
        m2m_changed.connect(_record_relation, sender=label, dispatch_uid=f"{uid} {label}")
    post_save.connect(_record_comment, sender="admin.LogEntry", dispatch_uid=uid)
    user_logged_in.connect(_record_login, dispatch_uid=uid)
    user_logged_out.connect(_record_logout, dispatch_uid=uid)
    user_login_failed.connect(_record_login_failure, dispatch_uid=uid)


def snapshot(row: models.Model) -> dict[str, Any]:
    """Return the tracked values of ``row`` by field, as JSON types; secrets as ``HIDDEN``."""
    values = {}
    for column in row._meta.concrete_fields:
        if column.name not in _UNTRACKED_FIELDS and not column.primary_key:
            is_secret = column.name in _SECRET_FIELDS or isinstance(column, models.BinaryField)
            values[column.name] = HIDDEN if is_secret else _to_json(column.value_from_object(row))
    return values


def _to_json(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    return str(value)[:MAX_VALUE_LENGTH]


def _read_secrets(row: models.Model) -> dict[str, Any]:
    return {
        column.name: column.value_from_object(row)
        for column in row._meta.concrete_fields
        if column.name in _SECRET_FIELDS
    }


def _keep_old_values(sender: type[models.Model], instance: models.Model, **kwargs: Any) -> None:
    actor = recorder.current_actor()
    if actor is None or instance._state.adding:
        return
    stored = sender._default_manager.filter(pk=instance.pk).first()
    if stored is not None:
        actor.before[id(instance)] = (snapshot(stored), _read_secrets(stored))


def _record_save(
    sender: type[models.Model], instance: models.Model, created: bool, **kwargs: Any
) -> None:
    actor = recorder.current_actor()
    if actor is None:
        return
    new = snapshot(instance)
    old, old_secrets = actor.before.pop(id(instance), ({}, {}))
    if created:
        recorder.record(Action.ADD, instance, changes={name: [None, new[name]] for name in new})
        return
    changes = {name: [old.get(name), new[name]] for name in new if new[name] != old.get(name)}
    secrets = _read_secrets(instance)
    changes |= {
        name: [HIDDEN, HIDDEN] for name in secrets if secrets[name] != old_secrets.get(name)
    }
    if changes:
        recorder.record(Action.CHANGE, instance, changes=changes)


def _record_deletion(sender: type[models.Model], instance: models.Model, **kwargs: Any) -> None:
    values = snapshot(instance)
    recorder.record(
        Action.DELETE, instance, changes={name: [values[name], None] for name in values}
    )


def _record_relation(
    instance: models.Model,
    action: str,
    model: type[models.Model],
    pk_set: set[Any] | None,
    **kwargs: Any,
) -> None:
    if action not in ("post_add", "post_remove", "pre_clear") or recorder.current_actor() is None:
        return
    names = sorted(str(row) for row in model._default_manager.filter(pk__in=pk_set or ()))
    change = [None, names] if action == "post_add" else [names or "all", None]
    if pk_set or action == "pre_clear":
        changes = {str(model._meta.verbose_name_plural): change}
        recorder.record(Action.CHANGE, instance, changes=changes)


def _record_comment(instance: Any, **kwargs: Any) -> None:
    # Text in the admin's history stands for an UPDATE, which sends no signal (a revocation).
    # JSON stands for a form, whose rows have been recorded with their values.
    try:
        json.loads(instance.change_message or "[]")
    except ValueError:
        recorder.record(
            Action.COMMENT,
            changes={"message": [None, str(instance.change_message)[:MAX_VALUE_LENGTH]]},
            text=instance.object_repr,
            object_type=".".join(instance.content_type.natural_key()),
            object_id=str(instance.object_id)[:64],
            study_ids=recorder.find_study_ids(_find_edited(instance)),
        )


def _find_edited(instance: Any) -> models.Model | None:
    try:
        row: models.Model = instance.get_edited_object()
    except ObjectDoesNotExist:
        return None
    return row


def _record_login(request: HttpRequest, user: Any, **kwargs: Any) -> None:
    recorder.record(Action.LOGIN, user_number=user.pk, username=user.get_username())


def _record_logout(request: HttpRequest, user: Any, **kwargs: Any) -> None:
    if user is not None:
        recorder.record(Action.LOGOUT, user_number=user.pk, username=user.get_username())


def _record_login_failure(
    credentials: dict[str, Any], request: HttpRequest | None = None, **kwargs: Any
) -> None:
    if request is not None:
        username = str(credentials.get("username", ""))
        recorder.record_failed_login(Action.LOGIN_FAILED, request, username)
