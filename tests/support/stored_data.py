"""What the database holds of an identity, read without the code that wrote it, and new keys."""

from __future__ import annotations

import pyarrow as pa

from identities.credentials import get_or_create_identity, issue_psk
from identities.models import Identity
from ingest.models import Measurement, SampleBlock
from tests.support.block_contents import offsets_us_of, values_of

HOUR_MS = 3_600_000


def new_psk(identity: str, max_uses: int = 1) -> str:
    """Return a new key for ``identity``, which is made if it is missing."""
    return issue_psk(get_or_create_identity(identity), max_uses=max_uses)[1]


def stored_samples(identity: Identity, name: str) -> dict[float, float]:
    """Return time (epoch milliseconds) → value of a series; each block is checked on the way."""
    found: dict[float, float] = {}
    for block in SampleBlock.objects.filter(identity=identity, name=name):
        offsets = [offset / 1000 for offset in offsets_us_of(block)]
        times = [block.hour * HOUR_MS + offset for offset in offsets]
        assert times == sorted(set(times))
        values = values_of(block)
        assert 1 <= len(times) == len(values) == block.sample_count <= 8192
        assert 0 <= offsets[0] <= offsets[-1] < HOUR_MS
        assert (block.first_ms, block.last_ms) == (int(times[0]), int(times[-1]))
        assert (block.minimum, block.maximum) == (min(values), max(values))
        assert found.keys().isdisjoint(times)
        found.update(zip(times, values, strict=True))
    return found


def sample_count(identity: Identity) -> int:
    """Return how many samples an identity has, in all series."""
    blocks = SampleBlock.objects.filter(identity=identity)
    return sum(blocks.values_list("sample_count", flat=True))


def file_count(identity: Identity, **where: object) -> int:
    return Measurement.objects.filter(identity=identity, **where).count()


def original(receipt: dict[str, object]) -> bytes:
    """Return the file that a receipt speaks of, byte for byte."""
    content = bytes(Measurement.objects.get(pk=str(receipt["id"])).content)
    with pa.CompressedInputStream(pa.BufferReader(content), "zstd") as stream:
        return bytes(stream.read())
