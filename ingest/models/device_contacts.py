"""The last request of each device, and refused requests of certificates that are not registered."""

from __future__ import annotations

from django.db import models
from django.db.models import Exists, OuterRef
from django.utils.translation import gettext_lazy as _

from ingest.models.certificates import DeviceCertificate


class DeviceContact(models.Model):
    """The last recorded request of a certificate that was accepted.

    It is written once a minute at most, and for an upload only when the device has changed
    (``ingest.device_contacts``): the table of files has the time of the last upload.
    """

    certificate = models.OneToOneField(
        DeviceCertificate,
        primary_key=True,
        on_delete=models.CASCADE,
        related_name="contact",
        db_constraint=False,
    )
    at = models.DateTimeField()
    address = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(max_length=200, blank=True)
    clock_offset_seconds = models.BigIntegerField(
        null=True, help_text=_("The device's Date header minus the server's time.")
    )

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.user_agent}"


class StrangerRefusal(models.Model):
    """The last refused request of a certificate that is not registered.

    The number of rows and of new rows a minute is bounded: ``ingest.certificate_refusals``.
    """

    sha256 = models.BinaryField("SHA-256", max_length=32, unique=True)
    first_at = models.DateTimeField(_("first time"))
    at = models.DateTimeField(_("time"), db_index=True)
    count = models.PositiveIntegerField(
        default=1, help_text=_("Requests of one minute count once for each process.")
    )
    code = models.CharField(max_length=64, help_text=_("The problem type of the answer."))
    status = models.PositiveSmallIntegerField()
    detail = models.CharField(max_length=500)
    address = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(max_length=200, blank=True)
    clock_offset_seconds = models.BigIntegerField(null=True)
    request_id = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["-at"]
        default_permissions = ()
        verbose_name = _("refusal of an unregistered device")
        verbose_name_plural = _("refusals of unregistered devices")

    def __str__(self) -> str:
        return f"{bytes(self.sha256).hex()[:16]} {self.code}"


def is_registered() -> Exists:
    """Return the condition that the certificate of a ``StrangerRefusal`` was registered since."""
    return Exists(DeviceCertificate.objects.filter(sha256=OuterRef("sha256")))
