"""Models of certificates, measurement files, blocks of samples and maintenance.

The files (``Measurement.content``) are the source of truth; blocks are a projection of them that
can be rebuilt. Times of samples are integer epoch milliseconds.
"""

from ingest.models.certificates import (
    CertificateReassignment,
    CertificateRefusal,
    CertificateRenewal,
    DeviceCertificate,
    RegistrationAttempt,
)
from ingest.models.device_contacts import DeviceContact, StrangerRefusal
from ingest.models.maintenance import (
    DataDeletion,
    InterruptedUpload,
    PruneWatermark,
    RecompressionProgress,
    RetentionPolicy,
    SampleConflict,
    SeriesChange,
    Withdrawal,
)
from ingest.models.measurement_types import MeasurementType
from ingest.models.measurements import (
    DailyUsage,
    Measurement,
    SampleBlock,
    Series,
)
from ingest.models.summaries import DaySummary, HourSummary

__all__ = [
    "CertificateReassignment",
    "CertificateRefusal",
    "CertificateRenewal",
    "DailyUsage",
    "DataDeletion",
    "DaySummary",
    "DeviceCertificate",
    "DeviceContact",
    "HourSummary",
    "InterruptedUpload",
    "Measurement",
    "MeasurementType",
    "PruneWatermark",
    "RecompressionProgress",
    "RegistrationAttempt",
    "RetentionPolicy",
    "SampleBlock",
    "SampleConflict",
    "Series",
    "SeriesChange",
    "StrangerRefusal",
    "Withdrawal",
]
