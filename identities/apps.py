"""Django's entry for this application."""

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate

from identities.groups import set_groups


class IdentitiesConfig(AppConfig):
    """Name and label of the application."""

    name = "identities"
    verbose_name = "Identities and keys"

    def ready(self) -> None:
        """Have the groups made once their permissions exist, and the audit trail kept."""
        post_migrate.connect(set_groups, dispatch_uid="identities.groups")
        if apps.is_installed("django.contrib.admin"):
            # Only where staff act: the device door need not load it.
            from identities import trail_signals  # noqa: PLC0415

            trail_signals.connect()
