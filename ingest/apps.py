"""Application configuration of ingest."""

from django.apps import AppConfig

from identities.roles import register_permissions


class IngestConfig(AppConfig):
    """Devices, their certificates and the measurement files that they send."""

    name = "ingest"
    verbose_name = "Devices and measurements"

    def ready(self) -> None:
        register_permissions(
            view={
                "ingest.view_devicecertificate",
                "ingest.view_measurement",
                "ingest.view_measurementtype",
                "ingest.view_registrationattempt",
                "ingest.view_retentionpolicy",
                "ingest.view_sampleblock",
                "ingest.view_sampleconflict",
            },
            operate={"ingest.change_devicecertificate"},
            manage={"ingest.withdraw_measurement"},
        )
