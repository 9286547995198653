"""App configuration of the project: commands and system checks, no models."""

from django.apps import AppConfig


class DeviceEndpointConfig(AppConfig):
    name = "device_endpoint"
    verbose_name = "Device endpoint"

    def ready(self) -> None:
        from device_endpoint import checks  # noqa: F401, PLC0415 - the import registers the checks
