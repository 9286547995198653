"""The annotations of an identity in an export: ``annotations.csv`` and its data dictionary."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

from django.utils import timezone

from analysis.exports.streaming import Member, Spool
from analysis.models import Annotation
from analysis.queries.annotations import COLUMNS, make_csv_rows

# Of ``COLUMNS``, in their order: type and description.
_DESCRIPTIONS = (
    ("int64", "Number of the annotation; ascending in the order of writing."),
    ("string", "Name of the identity."),
    ("string", "Name of the series; empty: the identity as a whole."),
    ("timestamp", "The moment, or the start of the range: ISO 8601, UTC."),
    ("timestamp", "The end of the range; empty: a single moment."),
    ("string", "The note."),
    ("timestamp", "When it was written: ISO 8601, UTC."),
    ("string", "User name of the author."),
)
_ESCAPES = "Cells that a spreadsheet would read as formulas begin with an apostrophe."
_ROWS_PER_WRITE = 500


class AnnotationFiles:
    """The annotations as a CSV, which may be larger than memory; ``close`` it afterwards.

    ``count`` is the number of rows and ``sha256`` that of the CSV. Without rows there are no files.
    """

    def __init__(self, annotations: Iterable[Annotation], source: str) -> None:
        self._csv = Spool()
        self._source = source
        digest, out = hashlib.sha256(), io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        # Row 0 is the header.
        for self.count, row in enumerate(make_csv_rows(annotations)):
            writer.writerow(row)
            if self.count % _ROWS_PER_WRITE == 0:
                self._write(out, digest)
        self._write(out, digest)
        self.sha256 = digest.hexdigest()

    def close(self) -> None:
        self._csv.close()

    def members(self, folder: str) -> Iterator[Member]:
        """Yield the files, of known size."""
        if not self.count:
            return
        now, spool = timezone.now(), self._csv
        yield Member(
            f"{folder}/annotations.csv", now, spool.chunks(), size=spool.size, crc32=spool.crc32
        )
        data = json.dumps(self._describe(), indent=1).encode()
        name = f"{folder}/annotations.json"
        yield Member(name, now, [data], size=len(data), crc32=zlib.crc32(data))

    def _write(self, out: io.StringIO, digest: hashlib._Hash) -> None:
        data = out.getvalue().encode()
        digest.update(data)
        self._csv.write(data)
        out.seek(0)
        out.truncate()

    def _describe(self) -> dict[str, Any]:
        return {
            "source": self._source,
            "description": f"Notes of staff. {_ESCAPES}",
            "rows": self.count,
            "columns": [
                {"name": name, "type": kind, "description": text}
                for name, (kind, text) in zip(COLUMNS, _DESCRIPTIONS, strict=True)
            ],
        }
