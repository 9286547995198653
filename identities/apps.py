"""Django's entry for this application."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate

from identities.groups import set_groups


class IdentitiesConfig(AppConfig):
    """Name and label of the application."""

    name = "identities"
    verbose_name = "Identities and keys"

    def ready(self) -> None:
        """Have the groups made once their permissions exist."""
        post_migrate.connect(set_groups, dispatch_uid="identities.groups")
