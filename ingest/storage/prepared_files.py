"""Measurement files that are read, hashed, compressed and split into blocks, ready to be stored."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from ingest.parsing.measurement_file_errors import LineError
from ingest.parsing.samples import ColumnSamples
from ingest.receipts import Receipt, SeriesCounts
from ingest.storage.blocks import Block, Overlay, split_into_blocks


@dataclass(frozen=True, slots=True)
class PreparedSeries:
    """One column of a file under the name of its series.

    ``overlay`` is set once the samples have been overlaid on stored blocks; ``blocks`` then holds
    only the samples to add.
    """

    name: str
    samples: ColumnSamples
    blocks: list[Block]
    overlay: Overlay | None = None

    def counts(self) -> SeriesCounts:
        if self.overlay is None:
            new, identical, replaced = len(self.samples.times), 0, 0
        else:
            new, identical = self.overlay.new, self.overlay.identical
            replaced = self.overlay.replaced
        has_samples = bool(len(self.samples.times))
        return SeriesCounts(
            name=self.name,
            samples=self.samples.count,
            new=new,
            identical=identical,
            replaced=replaced,
            repeated=self.samples.repeated,
            first_ms=self.samples.first_ms if has_samples else None,
            last_ms=self.samples.last_ms if has_samples else None,
        )


@dataclass(frozen=True, slots=True)
class PreparedFile:
    """A measurement file read, hashed and compressed: all that needs no database.

    A rejected file has ``errors`` and no ``series``. ``columns`` is None for a file of one column,
    whose series has the file's own name.
    """

    id: uuid.UUID
    name: str
    filename: str
    content_type: str
    size: int
    sha256: bytes
    content: bytes
    lines: int = 0
    rounded: int = 0
    columns: tuple[str, ...] | None = None
    series: tuple[PreparedSeries, ...] = ()
    errors: tuple[LineError, ...] = ()

    def locked_names(self) -> set[str]:
        """Return the names of series whose locks guard the file."""
        return {self.name, *(series.name for series in self.series)}

    def block_count(self) -> int:
        return sum(len(series.blocks) for series in self.series)

    def receipt(self) -> Receipt:
        """Return the receipt of this file as stored or rejected now."""
        counts = [series.counts() for series in self.series]
        return Receipt(
            id=self.id,
            name=self.name,
            filename=self.filename,
            sha256=self.sha256,
            status="stored" if self.series else "rejected",
            lines=self.lines,
            samples=sum(each.samples for each in counts),
            new=sum(each.new for each in counts),
            identical=sum(each.identical for each in counts),
            replaced=sum(each.replaced for each in counts),
            repeated=sum(each.repeated for each in counts),
            rounded=self.rounded,
            first_ms=min((c.first_ms for c in counts if c.first_ms is not None), default=None),
            last_ms=max((c.last_ms for c in counts if c.last_ms is not None), default=None),
            series=None if self.columns is None else [each.as_json() for each in counts],
            errors=None if self.series else [error.as_json() for error in self.errors],
        )


def prepare_series(
    name: str, columns: tuple[str, ...] | None, samples: tuple[ColumnSamples, ...]
) -> tuple[PreparedSeries, ...]:
    """Return the series of the file ``name``, split into blocks."""
    names = [name] if columns is None else [f"{name}.{column}" for column in columns]
    return tuple(
        PreparedSeries(series, column, list(split_into_blocks(column.times, column.values)))
        for series, column in zip(names, samples, strict=True)
    )
