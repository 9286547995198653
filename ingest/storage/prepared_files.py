"""A measurement file ready to be stored: read, hashed, compressed. Pure."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace

from ingest.parsing.sample_file import Samples
from ingest.parsing.sample_file_errors import LineError
from ingest.receipts import Receipt
from ingest.storage.blocks import Block, Overlay, split_into_blocks


@dataclass(frozen=True, slots=True)
class PreparedFile:
    """A file read, hashed and compressed: all that does not need the database.

    ``samples`` is None in a rejected file, which has ``errors``. ``overlay`` is set once the
    file has been laid over stored blocks; ``blocks`` are then what is left of it to add.
    """

    id: uuid.UUID
    name: str
    filename: str
    content_type: str
    size: int
    sha256: bytes
    content: bytes
    samples: Samples | None
    errors: list[LineError]
    overlay: Overlay | None = None
    blocks: list[Block] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.samples is not None and self.overlay is None:
            blocks = list(split_into_blocks(self.samples.times, self.samples.values))
            object.__setattr__(self, "blocks", blocks)

    def laid_over(self, overlay: Overlay, blocks: list[Block]) -> PreparedFile:
        """Return this file with what is left of it to store as ``blocks``."""
        return replace(self, overlay=overlay, blocks=blocks)

    def counts(self) -> tuple[int, int, int, int]:
        """Return samples, new, identical, replaced."""
        if self.samples is None:
            return 0, 0, 0, 0
        lines = self.samples.lines
        if self.overlay is not None:
            return lines, self.overlay.new, self.overlay.identical, self.overlay.replaced
        repeated = self.samples.repeated_identical, self.samples.repeated_replaced
        return lines, len(self.samples.times), *repeated

    def receipt(self) -> Receipt:
        """Return the receipt of this file, stored or rejected now."""
        samples, new, identical, replaced = self.counts()
        return Receipt(
            id=self.id,
            name=self.name,
            filename=self.filename,
            sha256=self.sha256,
            status="rejected" if self.samples is None else "stored",
            samples=samples,
            new=new,
            identical=identical,
            replaced=replaced,
            first_ms=self.samples.first_ms if self.samples else None,
            last_ms=self.samples.last_ms if self.samples else None,
            errors=[error.as_json() for error in self.errors] if self.samples is None else None,
        )
