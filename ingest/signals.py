"""Changes that apps above ``ingest`` follow up; sent inside the transaction that makes them."""

from django.dispatch import Signal

# identity_id: int, certificate_ids: list[int]. The rows of both are about to be deleted.
identity_erased = Signal()

# certificate: DeviceCertificate, bound to its new identity.
certificate_reassigned = Signal()
