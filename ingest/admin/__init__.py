"""The admin's pages of certificates, attempts, files, series and what was done with them.

Django finds them by importing this.
"""

from ingest.admin import (
    attempts,
    care,
    certificates,
    incidents,
    measurement_types,
    measurements,
    overview,
    series,
)

__all__ = [
    "attempts",
    "care",
    "certificates",
    "incidents",
    "measurement_types",
    "measurements",
    "overview",
    "series",
]
