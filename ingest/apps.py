"""Django's entry for this application."""

from django.apps import AppConfig


class IngestConfig(AppConfig):
    """Name and label of the application."""

    name = "ingest"
    verbose_name = "Devices and measurements"
