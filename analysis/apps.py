"""Application configuration of analysis."""

from django.apps import AppConfig, apps
from django.utils.translation import gettext_lazy as _

from identities.roles import register_permissions
from ingest.signals import identity_erased


class AnalysisConfig(AppConfig):
    """The data of devices: pages, exports, the analysis API and annotations."""

    name = "analysis"
    verbose_name = _("Data")

    def ready(self) -> None:
        """Follow erasures; let everybody who sees data annotate it."""
        from analysis.queries import annotations  # noqa: PLC0415 - models are loaded now

        register_permissions(
            view={
                "analysis.view_annotation",
                "analysis.add_annotation",
                "analysis.change_annotation",
                "analysis.delete_annotation",
            }
        )
        identity_erased.connect(annotations.delete_of_identity, dispatch_uid="analysis.annotations")
        if apps.is_installed("django.contrib.admin"):
            from identities.audit import signals  # noqa: PLC0415 - only where staff act

            signals.track("analysis.Annotation")
