"""Admin pages of certificates, registration attempts, files and maintenance."""

from ingest.admin import (
    certificates,
    maintenance,
    measurement_types,
    measurements,
    registration_attempts,
)

__all__ = [
    "certificates",
    "maintenance",
    "measurement_types",
    "measurements",
    "registration_attempts",
]
