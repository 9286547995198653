"""Counters of the device door, in Prometheus' terms; merged over workers by /metrics."""

from prometheus_client import Counter

REFUSALS = Counter(
    "device_endpoint_refusals", "Requests refused at the device door, by code.", ["code"]
)
REGISTRATIONS = Counter(
    "device_endpoint_registrations", "Certificates registered.", ["already_bound"]
)
FILES = Counter("device_endpoint_files", "Files received, by status of their receipt.", ["status"])
SAMPLES = Counter("device_endpoint_samples", "Data lines of stored files.")
LENIENT_BOUNDARIES = Counter(
    "device_endpoint_lenient_boundaries",
    "Multipart bodies whose delimiter was the boundary itself, taken for what was meant.",
)
