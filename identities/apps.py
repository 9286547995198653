"""Application configuration of identities."""

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _

from identities.roles import reset_groups


class IdentitiesConfig(AppConfig):
    name = "identities"
    verbose_name = _("Identities and keys")

    def ready(self) -> None:
        """Reset the groups after each migration, revoke tokens, record staff's changes."""
        # Models can be imported only now.
        from identities import access_tokens  # noqa: PLC0415

        post_migrate.connect(reset_groups, dispatch_uid="identities.roles")
        access_tokens.connect_revocation()
        if apps.is_installed("django.contrib.admin"):
            # Staff act only where the admin is; the device API need not import this.
            from identities.audit import signals  # noqa: PLC0415

            signals.connect()
