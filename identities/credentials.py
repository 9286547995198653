"""Issue pre-shared keys and access tokens: the only code that handles readable secrets."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError, transaction

from identities.access_tokens import AccessToken, default_expiry
from identities.models import Enrolment, Identity, PreSharedKey, default_key_expiry
from identities.one_time_secrets import OneTimeSecret


def get_or_create_identity(name: str) -> Identity:
    """Return the identity called ``name`` in any case; create it if there is none.

    Raise ``ValidationError`` for text that cannot be a name.
    """
    try:
        return Identity.objects.named(name)
    except Identity.DoesNotExist:
        identity = Identity(name=name)
        Identity._meta.get_field("name").clean(name, identity)
    try:
        with transaction.atomic():
            identity.save(force_insert=True)
    except IntegrityError:
        return Identity.objects.named(name)  # created by another session since the first query
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
    """Create a pre-shared key for ``identity``; return it with its secret, readable only here.

    It expires at ``expires_at``, after seven days by default, cut to whole seconds so that the
    time shown is the time applied. Raise ``ValidationError`` for a value that a key cannot have.
    """
    key = PreSharedKey(
        identity=identity,
        max_uses=max_uses,
        expires_at=_to_seconds(expires_at or default_key_expiry()),
        note=note,
        created_by_id=None if created_by is None else created_by.pk,
        enrolment=enrolment,
        replaces=replaces,
    )
    return key, save_with_new_secret(key)


def save_with_new_secret(row: OneTimeSecret) -> str:
    """Give the unsaved key or token ``row`` a secret, save it, and return the secret.

    Raise ``ValidationError`` for a value that it cannot have.
    """
    secret = row.set_new_secret()
    # Foreign keys and uniqueness are left to the INSERT: validating them beforehand would cost
    # six queries a key.
    relations = [field.name for field in row._meta.fields if field.is_relation]
    row.full_clean(exclude=relations, validate_unique=False, validate_constraints=False)
    row.save(force_insert=True)
    return secret


def issue_token(
    user: AbstractBaseUser,
    *,
    expires_at: datetime | None = None,
    note: str = "",
    study_ids: list[int] | None = None,
) -> tuple[AccessToken, str]:
    """Create an access token of ``user``; return it with its secret, readable only here.

    ``study_ids`` narrow it to these studies; None lets it read all that the user sees.

    It expires at ``expires_at``, after ninety days by default. Raise ``ValidationError`` for a
    value that a token cannot have.
    """
    expiry = _to_seconds(expires_at or default_expiry())
    token = AccessToken(user_id=user.pk, expires_at=expiry, note=note, study_ids=study_ids)
    return token, save_with_new_secret(token)


def _to_seconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
