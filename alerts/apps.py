"""Application configuration of alerts."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from identities.roles import register_permissions
from ingest.signals import certificate_reassigned, file_damaged, identity_erased


class AlertsConfig(AppConfig):
    """Incidents of devices and the notifications about them."""

    name = "alerts"
    verbose_name = _("Alerts")

    def ready(self) -> None:
        """Follow certificates and identities that ``ingest`` changes; grant the permissions."""
        from alerts import file_incidents, incidents  # noqa: PLC0415 - models are loaded now

        register_permissions(view={"alerts.view_incident", "alerts.view_notification"})
        identity_erased.connect(incidents.delete_incidents, dispatch_uid="alerts.incidents")
        file_damaged.connect(file_incidents.open_damaged, dispatch_uid="alerts.file_incidents")
        certificate_reassigned.connect(
            incidents.reassign_incidents, dispatch_uid="alerts.incidents"
        )
