"""What pre-shared keys and access tokens have in common: a secret that is shown once."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, TypeVar

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from identities import keys

_Secret = TypeVar("_Secret", bound="OneTimeSecret")


class OneTimeSecretQuerySet(models.QuerySet[_Secret]):
    def revoke(self) -> int:
        """Revoke the rows that are not revoked yet, for good; return how many those were."""
        return self.filter(revoked_at=None).update(revoked_at=timezone.now())


class OneTimeSecret(models.Model):
    """A secret that is shown once, when it is created. Only its digest is stored."""

    prefix: ClassVar[str]

    # In memory only, on the row that the current request created; not a column.
    secret = ""

    digest = models.BinaryField(max_length=32, unique=True, editable=False)
    hint = models.CharField(max_length=16, editable=False)
    revoked_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    note = models.CharField(max_length=200, blank=True)
    # Made with the form that created the row: the same form makes no second one.
    idempotency_key = models.UUIDField(null=True, blank=True, unique=True, editable=False)
    expires_at: models.DateTimeField[Any, datetime]

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.hint

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save the row; raise ``ValidationError`` if that would undo a revocation."""
        if not self._state.adding and self.revoked_at is None:
            stored = type(self)._default_manager.filter(pk=self.pk)
            if stored.exclude(revoked_at=None).exists():
                raise ValidationError(_("A revoked credential stays revoked."))
        super().save(*args, **kwargs)

    def clean(self) -> None:
        """Reject a new secret that has expired already."""
        super().clean()
        if self._state.adding and self.expires_at and self.expires_at <= timezone.now():
            raise ValidationError({"expires_at": _("This time is in the past.")})

    def set_new_secret(self) -> str:
        """Set a new secret on the row and return it; only its digest is stored."""
        secret = keys.generate(self.prefix)
        self.digest = keys.digest(secret)
        self.hint = keys.hint(secret)
        return secret
