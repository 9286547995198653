"""What an export of a study has of an identity: samples, original files, notes and an index.

    IDENTITY/samples/SERIES.csv        or .parquet, and SERIES.json, its data dictionary
    IDENTITY/originals/…               the files as the devices sent them, and receipts.json
    IDENTITY/annotations.csv           the notes of staff, and annotations.json, its data dictionary
    IDENTITY/identity.json             what was exported: size and SHA-256 of each file above

``export_study`` writes it into a folder, the analysis API streams it as a zip; unpacked, the zips
of all identities make the same folder. Memory does not grow with the number of files.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Max, QuerySet
from django.utils import timezone

from analysis.exports.annotation_files import AnnotationFiles
from analysis.exports.content_index import (
    ContentIndex,
    DamagedFile,
    describe_damaged,
    describe_file,
)
from analysis.exports.formats import FORMATS
from analysis.exports.provenance import describe_export
from analysis.exports.streaming import Member, Spool, make_unique
from analysis.models import Annotation
from analysis.queries.annotations import annotations_of
from analysis.queries.measurement_files import make_receipt, read_contents
from analysis.queries.samples import read_samples
from analysis.queries.series import Series, list_series
from identities.models import Identity
from identities.studies import StudyIdentity
from identities.visibility import EVERYTHING, Scope
from ingest.measurement_types import find_kinds
from ingest.models import DeviceCertificate, Measurement
from ingest.storage.stored_files import FileDamaged, make_file_name, read_chunks, verify_content
from ingest.time_range import TimeRange

CONTENTS, SAMPLE_FORMATS, MAX_NAMES = ("both", "samples", "originals"), ("parquet", "csv"), 50
SERIES_PER_PAGE = 500
# Files that are read by one statement; their compressed contents are in memory together.
FILES_PER_READ, BYTES_PER_READ = 100, 8 << 20


@dataclass(frozen=True)
class Choice:
    """What to export; no ``names`` are all measurement names."""

    format: str
    names: tuple[str, ...]
    wanted: TimeRange
    with_samples: bool
    with_originals: bool
    source: str
    with_annotations: bool = True

    def describe(self) -> dict[str, Any]:
        return json.loads(json.dumps(asdict(self)))  # type: ignore[no-any-return] # a dict

    def has_name(self, name: str) -> bool:
        """Return whether a series is chosen by its name, or by that of its measurement."""
        return not self.names or name in self.names or name.rpartition(".")[0] in self.names


class IdentityContent:
    """The content of one identity; ``close`` it afterwards.

    ``scope`` has the studies whose participations are described.
    """

    def __init__(self, identity: Identity, choice: Choice, scope: Scope) -> None:
        self.identity, self._choice, self._scope = identity, choice, scope
        self.folder = make_folder_name(identity.name)
        self.series = [each for each in _list_series(identity) if choice.has_name(each.name)]
        self._files = _select_files(identity, choice)
        self._receipts = Spool()
        self.annotations = AnnotationFiles(_select_annotations(identity, choice), choice.source)
        self.index = ContentIndex(self._describe())
        self.damaged: set[str] = set()  # names of the originals that are left out

    def close(self) -> None:
        self._receipts.close()
        self.annotations.close()
        self.index.close()

    @property
    def state(self) -> dict[str, Any]:
        """What was chosen and what there is: with the same state nothing has changed."""
        return self.index.head["state"]  # type: ignore[no-any-return] # a dict

    def _describe(self) -> dict[str, Any]:
        found = self._files.aggregate(count=Count("pk"), newest=Max("received_at"))
        newest: datetime | None = found["newest"]
        state = {
            "choice": self._choice.describe(),
            "series": [asdict(series) for series in self.series],
            "originals": {"count": found["count"], "newest": newest and newest.isoformat()},
            "annotations": {
                "count": self.annotations.count,
                "sha256": self.annotations.sha256,
            },
            "participations": list_participations(self._scope, self.identity),
        }
        return {"identity": self.identity.name, "state": state}

    def list_originals(self) -> Iterator[tuple[str, int, str]]:
        """Write the receipts; yield name, size and SHA-256 of each file that will be a member.

        Comes before ``members``, which has the files that are listed here.
        """
        certificates = DeviceCertificate.objects.defer("der").in_bulk(
            self._files.order_by().values_list("certificate", flat=True).distinct()
        )
        lines = self._files.order_by("pk").defer("content").iterator(500)
        self._receipts.write(b"[")
        for number, measurement in enumerate(lines):
            # One object for all files: an identity may have a hundred thousand.
            measurement.identity = self.identity
            if measurement.certificate_id in certificates:
                measurement.certificate = certificates[measurement.certificate_id]
            name = make_file_name(measurement)
            receipt = {"file": name, **make_receipt(measurement)}
            separator = ",\n" if number else "\n"
            self._receipts.write(separator.encode() + json.dumps(receipt).encode())
            path = f"{self.folder}/originals/{name}"
            yield path, measurement.size, bytes(measurement.sha256).hex()
        self._receipts.write(b"\n]\n")

    def receipts_member(self) -> Member:
        return Member(
            f"{self.folder}/originals/receipts.json",
            timezone.now(),
            self._receipts.chunks(),
            size=self._receipts.size,
            crc32=self._receipts.crc32,
        )

    def members(self) -> Iterator[Member | DamagedFile]:
        """Yield the files but the index, to which the reader adds each when it has read it."""
        yield from self.annotations.members(self.folder)
        if self._choice.with_samples:
            yield from self._make_samples()
        if self._choice.with_originals:
            if not self._receipts.size:
                for _ in self.list_originals():
                    pass
            yield from self._make_originals()
            yield self.receipts_member()

    def _make_samples(self) -> Iterator[Member]:
        taken: set[str] = set()
        for series in self.series:
            provenance = describe_export(
                series,
                find_kinds([series.name]),
                self._choice.wanted,
                timezone.now(),
                self._choice.source,
            )
            stem = f"{self.folder}/samples/{make_unique(f'{series.name}.', taken)[:-1]}"
            samples = read_samples(series, self._choice.wanted)
            encoding = FORMATS[self._choice.format]
            yield Member(
                f"{stem}.{encoding.name}",
                timezone.now(),
                encoding.encode(samples, provenance),
                is_compressed=encoding.name == "parquet",
            )
            dictionary = json.dumps(provenance, indent=1).encode()
            yield Member(f"{stem}.json", timezone.now(), [dictionary])

    def _make_originals(self) -> Iterator[Member | DamagedFile]:
        for measurement in _read_files(self.identity, self._listed_files()):
            path = f"{self.folder}/originals/{make_file_name(measurement)}"
            try:
                crc32 = verify_content(measurement)
            except FileDamaged:
                yield DamagedFile(path, bytes(measurement.sha256).hex())
                continue
            chunks = read_chunks(measurement)
            yield Member(path, measurement.received_at, chunks, False, measurement.size, crc32)
            measurement.content = b""  # not in memory beside that of the next file

    def _listed_files(self) -> Iterator[UUID]:
        for line in self._receipts.lines():
            if line.startswith(b"{"):
                yield UUID(json.loads(line.rstrip(b","))["id"])


def list_participations(scope: Scope, identity: Identity) -> list[dict[str, str]]:
    """Return the participations of ``identity`` in the studies of ``scope``."""
    rows = StudyIdentity.objects.filter(study__in=scope.studies(), identity=identity)
    columns = ("study__name", "participant_code", "starts_on", "ends_on")
    return [
        {
            name.removesuffix("__name"): "" if cell is None else str(cell)
            for name, cell in zip(columns, row, strict=True)
        }
        for row in rows.order_by("study").values_list(*columns)
    ]


def record_members(content: IdentityContent) -> Iterator[Member]:
    """Yield the members and then the index, which lists each with the bytes that were read."""
    for member in content.members():
        if isinstance(member, DamagedFile):
            content.damaged.add(member.name)
            content.index.add(describe_damaged(member))
            continue
        digest = hashlib.sha256()
        sizes: list[int] = []
        yield dataclasses.replace(member, chunks=_read_along(member.chunks, digest, sizes))
        content.index.add(describe_file(member.name, sum(sizes), digest.hexdigest()))
    content.index.finish()


def _read_along(
    chunks: Iterable[bytes], digest: hashlib._Hash, sizes: list[int]
) -> Iterator[bytes]:
    size = 0
    for chunk in chunks:
        digest.update(chunk)
        size += len(chunk)
        yield chunk
    sizes.append(size)


def make_folder_name(name: str) -> str:
    # The form checks names, but a folder must stay below the target whatever the table holds.
    return re.sub(r"^[^A-Za-z0-9]|[^A-Za-z0-9_.@-]", "_", name)


def _list_series(identity: Identity) -> Iterator[Series]:
    after: tuple[str, str] | None = None
    while True:
        page = list_series(EVERYTHING, identity=identity.name, after=after, limit=SERIES_PER_PAGE)
        yield from page.series
        if page.after is None:
            return
        after = page.after


def _select_files(identity: Identity, choice: Choice) -> QuerySet[Measurement]:
    """Return the files to export.

    A time range leaves out rejected files, for they have no samples.
    """
    files = Measurement.objects.filter(identity=identity)
    if choice.names:
        files = files.filter(name__in=choice.names)
    if choice.wanted.first_ms is not None:
        files = files.filter(last_ms__gte=choice.wanted.first_ms)
    if choice.wanted.to_ms is not None:
        files = files.filter(first_ms__lt=choice.wanted.to_ms)
    return files


def _select_annotations(identity: Identity, choice: Choice) -> Iterator[Annotation]:
    if not choice.with_annotations:
        return
    for annotation in annotations_of(identity, choice.wanted).iterator(500):
        if not annotation.name or choice.has_name(annotation.name):
            yield annotation


def _read_files(identity: Identity, keys: Iterator[UUID]) -> Iterator[Measurement]:
    """Yield the files with these keys, small ones many at once; erased ones are left out."""
    files = Measurement.objects.filter(identity=identity).order_by("pk")
    while batch := list(itertools.islice(keys, FILES_PER_READ)):
        group: list[UUID] = []
        size = 0
        for key, file_size in list(files.filter(pk__in=batch).values_list("pk", "size")):
            if group and size + file_size > BYTES_PER_READ:
                yield from _load(identity, group)
                group, size = [], 0
            group.append(key)
            size += file_size
        yield from _load(identity, group)


def _load(identity: Identity, keys: list[UUID]) -> Iterator[Measurement]:
    files = Measurement.objects.filter(identity=identity, pk__in=keys)
    rows = {file.pk: file for file in files.defer("content")}
    for key, content in read_contents(identity.pk, keys):
        if key in rows:
            measurement = rows.pop(key)
            measurement.identity, measurement.content = identity, content
            yield measurement
