"""Application configuration of alerts."""

from django.apps import AppConfig


class AlertsConfig(AppConfig):
    """Incidents of devices and the notifications about them."""

    name = "alerts"
    verbose_name = "Alerts"
