"""Changes that apps above ``ingest`` follow up; sent inside the transaction that makes them."""

from django.dispatch import Signal

# identity_id: int, certificate_ids: list[int]. The rows of both are about to be deleted.
identity_erased = Signal()

# identity_id: int, measurement_id: UUID, name: str. A stored file is not what the device sent.
file_damaged = Signal()

# certificate: DeviceCertificate, bound to its new identity.
certificate_reassigned = Signal()
