"""Django's entry for this application."""

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate

from identities.roles import set_groups


class IdentitiesConfig(AppConfig):
    """Name and label of the application."""

    name = "identities"
    verbose_name = "Identities and keys"

    def ready(self) -> None:
        """Have the groups made once their permissions exist, and the audit trail kept."""
        post_migrate.connect(set_groups, dispatch_uid="identities.roles")
        if apps.is_installed("django.contrib.admin"):
            # Only where staff act: the device door need not load it.
            from identities.audit import signals  # noqa: PLC0415

            signals.connect()
