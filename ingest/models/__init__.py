"""What devices send, as kept, and what was done with it.

The files (``Measurement.content``) are the truth; the blocks are a projection of them that can
be made anew. Times of samples are integer epoch milliseconds throughout.
"""

from ingest.models.care import (
    DataDeletion,
    PruneMark,
    RetentionPolicy,
    SampleConflict,
    Withdrawal,
)
from ingest.models.devices import (
    CertificateMove,
    CertificateRoll,
    DeviceCertificate,
    RegistrationAttempt,
)
from ingest.models.incidents import Incident, Notice, NoticeItem, WatchRun
from ingest.models.kinds import MeasurementType, Overview
from ingest.models.quotas import BytesOfDay
from ingest.models.storage import Measurement, SampleBlock, Series

__all__ = [
    "BytesOfDay",
    "CertificateMove",
    "CertificateRoll",
    "DataDeletion",
    "DeviceCertificate",
    "Incident",
    "Measurement",
    "MeasurementType",
    "Notice",
    "NoticeItem",
    "Overview",
    "PruneMark",
    "RegistrationAttempt",
    "RetentionPolicy",
    "SampleBlock",
    "SampleConflict",
    "Series",
    "WatchRun",
    "Withdrawal",
]
