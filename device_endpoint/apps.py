"""Django's entry for the wiring: it has no models, only the command ``up``."""

from django.apps import AppConfig


class DeviceEndpointConfig(AppConfig):
    """Name and label of the application."""

    name = "device_endpoint"
    verbose_name = "Device endpoint"

    def ready(self) -> None:
        """Have ``manage.py check --deploy`` look for every way to install this wrongly."""
        from device_endpoint import checks  # noqa: F401, PLC0415 - registers when loaded
