"""Application configuration of alerts."""

from django.apps import AppConfig

from identities.roles import register_permissions


class AlertsConfig(AppConfig):
    """Incidents of devices and the notifications about them."""

    name = "alerts"
    verbose_name = "Alerts"

    def ready(self) -> None:
        register_permissions(view={"alerts.view_incident", "alerts.view_notification"})
