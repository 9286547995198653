"""Studies, the identities that take part in them, and the members of staff who see them."""

from __future__ import annotations

import zoneinfo
from collections.abc import Collection
from datetime import date
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator, validate_email
from django.db import models, transaction
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

NOT_AVAILABLE = _("This name is not available.")
STUDY_INACTIVE = _("Its study is inactive: no more devices are enrolled.")


def validate_time_zone(name: str) -> None:
    """Raise ``ValidationError`` unless ``name`` is a time zone of the IANA database."""
    if name not in zoneinfo.available_timezones():
        raise ValidationError(_("A name such as Europe/Vienna or UTC."))


def validate_addresses(text: str) -> None:
    """Raise ``ValidationError`` unless each line of ``text`` is an e-mail address."""
    for line in text.split("\n"):
        if line.strip():
            validate_email(line.strip())


class StudyManager(models.Manager["Study"]):
    def named(self, name: str) -> Study:
        """Return the study called ``name`` in any case; raise ``Study.DoesNotExist``."""
        if "\0" in name:
            raise self.model.DoesNotExist
        return self.get(name__iexact=name)


class Study(models.Model):
    """A study, clinic or site: staff see the identities of the studies that they are members of.

    A site is a study with a ``parent``. Members of the parent see its sites too.
    """

    name = models.CharField(
        max_length=100,
        validators=[
            RegexValidator(
                r"\A[^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f])?\Z",
                _("One line, without white space at its ends."),
            )
        ],
        help_text=_("Unique, whatever its case."),
    )
    description = models.TextField(blank=True)
    time_zone = models.CharField(
        _("time zone"),
        max_length=64,
        default="UTC",
        validators=[validate_time_zone],
        help_text=_("Whose days its participants live: Europe/Vienna."),
    )
    is_active = models.BooleanField(
        _("active"),
        default=True,
        help_text=_("An inactive study enrols no more devices. Registered devices go on."),
    )
    parent = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="sites",
        help_text=_("The study that this one is a site of. Its members see this site too."),
    )
    reporting_interval = models.DurationField(
        _("reporting interval"),
        null=True,
        blank=True,
        help_text=_(
            "Expected time between samples of each identity that has no interval of its own: 90s, "
            "5m, 12h, 7d. In several studies, the shortest counts. Empty: the measurement types'."
        ),
    )
    grace_period = models.DurationField(
        _("grace period"),
        null=True,
        blank=True,
        help_text=_("Added to the reporting interval before an alert: 90s, 5m, 12h, 7d."),
    )
    alert_recipients = models.TextField(
        _("alert recipients"),
        blank=True,
        default="",
        db_default="",
        max_length=2_000,
        validators=[validate_addresses],
        help_text=_(
            "E-mail addresses, one a line. They are notified of what concerns the identities of "
            "this study and of its sites."
        ),
    )
    identities: models.ManyToManyField[Any, Any] = models.ManyToManyField(
        "identities.Identity", through="StudyIdentity", related_name="studies"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = StudyManager()

    class Meta:
        verbose_name_plural = _("studies")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                Lower("name"),
                name="study_name_unique_without_case",
                violation_error_message=NOT_AVAILABLE,
            ),
            models.CheckConstraint(
                condition=Q(parent=None) | ~Q(parent=F("id")), name="study_not_its_own_parent"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Reject a parent that is a site itself, and a parent for a study that has sites."""
        super().clean()
        if self.parent_id is None:
            return
        if self.parent is not None and self.parent.parent_id is not None:
            raise ValidationError({"parent": _("This study is a site itself.")})
        if self.pk is not None and (self.parent_id == self.pk or self.sites.exists()):
            raise ValidationError({"parent": _("A study that has sites cannot be a site.")})


class StudyIdentity(models.Model):
    """A participation: an identity takes part in a study, with a code, for a period."""

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="participants")
    # No database constraint: docs/explanation/scaling.md. Saved under ``lock_identity``.
    identity = models.ForeignKey(
        "identities.Identity",
        on_delete=models.CASCADE,
        related_name="participations",
        db_constraint=False,
    )
    participant_code = models.CharField(
        _("participant code"),
        max_length=64,
        blank=True,
        validators=[RegexValidator(r"\A[\x20-\x7e]*\Z", _("Printable ASCII characters only."))],
        help_text=_("The participant's code in the study; unique in it."),
    )
    starts_on = models.DateField(_("starts on"), null=True, blank=True)
    ends_on = models.DateField(
        _("ends on"), null=True, blank=True, help_text=_("The last day of the participation.")
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("participation")
        verbose_name_plural = _("participations")
        ordering = ["study", "identity"]
        constraints = [
            models.UniqueConstraint(
                fields=["identity", "study"],
                name="study_identity_once",
                violation_error_message=_("It takes part in this study already."),
            ),
            models.UniqueConstraint(
                "study",
                Lower("participant_code"),
                condition=~Q(participant_code=""),
                name="study_participant_code_unique",
                violation_error_message=_("Another participant of this study has this code."),
            ),
            models.CheckConstraint(
                condition=Q(starts_on=None) | Q(ends_on=None) | Q(starts_on__lte=F("ends_on")),
                name="study_identity_starts_before_it_ends",
                violation_error_message=_("The participation ends before it starts."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.identity} in {self.study}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save with the identity locked; raise ``Identity.DoesNotExist`` if it is erased."""
        from identities.models import lock_identity  # noqa: PLC0415 - it imports this module

        with transaction.atomic():
            lock_identity(self.identity_id)
            super().save(*args, **kwargs)

    def covers(self, day: date) -> bool:
        """Return whether ``day`` is inside the period; an empty end is open."""
        return (self.starts_on is None or self.starts_on <= day) and (
            self.ends_on is None or day <= self.ends_on
        )


def find_closed(identity_ids: Collection[int]) -> set[int]:
    """Return those of the identities that take part in studies of which none is active.

    No devices are enrolled for them; devices that are registered renew their certificates.
    """
    taking_part = StudyIdentity.objects.filter(identity_id__in=identity_ids).order_by()
    is_open = taking_part.values("identity_id").annotate(
        is_open=models.Count("pk", filter=Q(study__is_active=True))
    )
    return {row["identity_id"] for row in is_open if not row["is_open"]}


class StudyMember(models.Model):
    """A member of staff who sees a study and its sites; the role says what else they may do."""

    class Role(models.TextChoices):
        VIEWER = "viewer", _("viewer")
        DATA_MANAGER = "data manager", _("data manager")
        STUDY_ADMIN = "study admin", _("study admin")

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="members")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="study_memberships"
    )
    role = models.CharField(_("role"), max_length=12, choices=Role.choices, default=Role.VIEWER)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("study member")
        verbose_name_plural = _("study members")
        ordering = ["study", "user"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "study"],
                name="study_member_once",
                violation_error_message=_("This user is a member of the study already."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.role} of {self.study}"
