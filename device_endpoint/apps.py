"""Django's entry for the wiring: it has no models, only the command ``up``."""

from django.apps import AppConfig


class DeviceEndpointConfig(AppConfig):
    """Name and label of the application."""

    name = "device_endpoint"
    verbose_name = "Device endpoint"
