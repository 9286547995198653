"""Make keys and tokens: the only place where a secret exists in readable form."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError, transaction
from django.utils import timezone

from identities.enrolment.models import Enrolment
from identities.models import (
    DEFAULT_KEY_LIFE,
    DEFAULT_TOKEN_LIFE,
    AccessToken,
    Identity,
    OneTimeSecret,
    PreSharedKey,
)


def find_identity(name: str) -> Identity:
    """Return the identity called ``name``, in any case; raise ``Identity.DoesNotExist``."""
    return Identity.objects.named(name)


def find_or_make_identity(name: str) -> Identity:
    """Return the identity called ``name``, in any case, made now if there is none.

    Raise ``ValidationError`` where no identity may have that name.
    """
    try:
        return find_identity(name)
    except Identity.DoesNotExist:
        identity = Identity(name=name)
        Identity._meta.get_field("name").clean(name, identity)
    try:
        with transaction.atomic():
            identity.save(force_insert=True)
    except IntegrityError:
        return find_identity(name)  # somebody else made it between the two statements
    return identity


def issue_psk(
    identity: Identity,
    *,
    max_uses: int = 1,
    expires_at: datetime | None = None,
    note: str = "",
    created_by: AbstractBaseUser | None = None,
    enrolment: Enrolment | None = None,
    replaces: PreSharedKey | None = None,
) -> tuple[PreSharedKey, str]:
    """Make a pre-shared key for ``identity``; return it and its secret, readable only here.

    It expires at ``expires_at``, by default in seven days, cut to whole seconds so that what
    is shown is what holds. Raise ``ValidationError`` for a value that a key cannot have.
    """
    key = PreSharedKey(
        identity=identity,
        max_uses=max_uses,
        expires_at=_expiry(expires_at, DEFAULT_KEY_LIFE),
        note=note,
        created_by_id=None if created_by is None else created_by.pk,
        enrolment=enrolment,
        replaces=replaces,
    )
    return key, store(key)


def store(row: OneTimeSecret) -> str:
    """Give the unsaved key or token ``row`` a secret, save it, and return the secret.

    Raise ``ValidationError`` for a value that it cannot have.
    """
    secret = row.set_new_secret()
    # What points to other rows, and what must be unique, is for the database to see as the row
    # is inserted: asked for beforehand it would cost six queries a key.
    pointers = [field.name for field in row._meta.fields if field.is_relation]
    row.full_clean(exclude=pointers, validate_unique=False, validate_constraints=False)
    row.save(force_insert=True)
    return secret


def issue_token(
    user: AbstractBaseUser, *, expires_at: datetime | None = None, note: str = ""
) -> tuple[AccessToken, str]:
    """Make an access token of ``user``; return it and its secret, readable only here.

    It expires at ``expires_at``, by default in ninety days. Raise ``ValidationError`` for a
    value that a token cannot have.
    """
    token = AccessToken(
        user_id=user.pk, expires_at=_expiry(expires_at, DEFAULT_TOKEN_LIFE), note=note
    )
    return token, store(token)


def _expiry(given: datetime | None, life: timedelta) -> datetime:
    moment = timezone.now() + life if given is None else given
    return moment.replace(microsecond=0)
