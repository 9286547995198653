"""Application configuration of ingest."""

from django.apps import AppConfig, apps

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
        if apps.is_installed("django.contrib.admin"):
            # The audit log records staff and commands, which run where the admin is installed.
            from identities.audit import signals  # noqa: PLC0415

            signals.track(
                "ingest.DeviceCertificate",
                "ingest.MeasurementType",
                "ingest.RetentionPolicy",
                "ingest.Withdrawal",
            )
            self._follow_studies()

    def _follow_studies(self) -> None:
        """Record identities that enter and leave a study in the changes feed."""
        from django.db.models.signals import (  # noqa: PLC0415 - models are ready now
            post_delete,
            post_save,
            pre_save,
        )

        from identities.studies import Study, StudyIdentity  # noqa: PLC0415
        from ingest.maintenance import series_changes  # noqa: PLC0415

        post_save.connect(series_changes.note_participation, StudyIdentity)
        post_delete.connect(series_changes.note_end_of_participation, StudyIdentity)
        pre_save.connect(series_changes.remember_parent, Study)
        post_save.connect(series_changes.note_other_parent, Study)
