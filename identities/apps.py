"""Django's entry for this application."""

from django.apps import AppConfig


class IdentitiesConfig(AppConfig):
    """Name and label of the application."""

    name = "identities"
    verbose_name = "Identities and keys"
