"""Admin pages of certificates, registration attempts, files and maintenance."""

from identities.audit import recorder
from ingest.admin import (
    certificates,
    identity_pages,
    maintenance,
    measurement_types,
    measurements,
    registration_attempts,
    stranger_refusals,
)

__all__ = [
    "certificates",
    "identity_pages",
    "maintenance",
    "measurement_types",
    "measurements",
    "registration_attempts",
    "stranger_refusals",
]

recorder.register_exports("admin:ingest_measurement_content")
