"""Models of the ORM baseline: devices, files and samples."""

from __future__ import annotations

from django.db import models


class Device(models.Model):
    fingerprint = models.CharField(max_length=64, unique=True)

    class Meta:
        app_label = "orm"

    def __str__(self) -> str:
        return self.fingerprint


class Measurement(models.Model):
    device = models.ForeignKey(Device, on_delete=models.PROTECT)
    name = models.CharField(max_length=64)
    filename = models.CharField(max_length=255)
    sha256 = models.CharField(max_length=64)
    received_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "orm"
        constraints = [
            models.UniqueConstraint(fields=["device", "name", "sha256"], name="file_once"),
        ]

    def __str__(self) -> str:
        return self.name


class Sample(models.Model):
    """A sample; the first file that holds its time keeps it."""

    measurement = models.ForeignKey(Measurement, on_delete=models.PROTECT)
    device = models.ForeignKey(Device, on_delete=models.PROTECT, db_index=False)
    name = models.CharField(max_length=64)
    time = models.DateTimeField()
    value = models.FloatField()

    class Meta:
        app_label = "orm"
        constraints = [
            models.UniqueConstraint(fields=["device", "name", "time"], name="sample_once"),
        ]

    def __str__(self) -> str:
        return f"{self.time} {self.value}"
