"""Measurement files, their samples, device certificates, and the records of maintenance.

The files (``Measurement.content``) are the truth; the blocks are a projection of them that can be
rebuilt. Times of samples are integer epoch milliseconds throughout.
"""

from ingest.models.certificates import (
    CertificateReassignment,
    CertificateRenewal,
    DeviceCertificate,
    RegistrationAttempt,
)
from ingest.models.maintenance import (
    DataDeletion,
    PruneWatermark,
    RetentionPolicy,
    SampleConflict,
    Withdrawal,
)
from ingest.models.measurement_types import MeasurementType
from ingest.models.measurements import Measurement, SampleBlock
from ingest.models.quotas import DailyUsage

__all__ = [
    "CertificateReassignment",
    "CertificateRenewal",
    "DailyUsage",
    "DataDeletion",
    "DeviceCertificate",
    "Measurement",
    "MeasurementType",
    "PruneWatermark",
    "RegistrationAttempt",
    "RetentionPolicy",
    "SampleBlock",
    "SampleConflict",
    "Withdrawal",
]
