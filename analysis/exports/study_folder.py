"""Write a study into a folder: samples, original files, receipts, participants and a manifest.

    manifest.json                      study, choice, size and SHA-256 of the next two
    participants.csv                   identity, participant code, period, study or site
    IDENTITY/identity.json             size and SHA-256 of each file below
    IDENTITY/samples/SERIES.csv        or .parquet, and SERIES.json, its data dictionary
    IDENTITY/originals/…               the files as the devices sent them, and receipts.json

Each file appears under its name only when it is complete. An identity whose ``identity.json`` was
written for the same choice and the same data is not written again, so an interrupted export goes
on where it stopped. Memory does not grow with the data, but for the list of an identity's files.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db.models import Count, Max, QuerySet
from django.utils import timezone

from analysis.exports.formats import FORMATS
from analysis.exports.provenance import describe_export
from analysis.queries.measurement_files import make_receipt
from analysis.queries.samples import read_samples
from analysis.queries.series import Series, list_series
from identities.models import Identity
from identities.studies import Study, StudyIdentity
from identities.visibility import EVERYTHING, Scope
from ingest.measurement_types import find_kinds
from ingest.models import Measurement
from ingest.storage.stored_files import make_file_name, read_chunks
from ingest.time_range import TimeRange

SERIES_PER_PAGE = 500
PARTICIPANT_COLUMNS = ("identity", "study", "participant_code", "starts_on", "ends_on")


@dataclass(frozen=True)
class Choice:
    """What to export; no ``names`` are all measurement names."""

    format: str
    names: tuple[str, ...]
    wanted: TimeRange
    with_samples: bool
    with_originals: bool
    source: str


def export_study(folder: Path, study: Study, choice: Choice) -> Iterator[tuple[Identity, bool]]:
    """Write ``study`` into ``folder``; yield each identity, and whether it had to be written.

    The manifest is written last. Raises ``OSError``.
    """
    scope = EVERYTHING.narrowed(frozenset({study.pk}))
    folder.mkdir(parents=True, exist_ok=True)
    entries = [_write(folder, "participants.csv", [_encode_participants(scope)])]
    for identity in scope.identities().order_by("pk").iterator():
        entry, is_new = _export_identity(folder, identity, choice)
        entries.append(entry)
        yield identity, is_new
    manifest = {
        "study": study.name,
        "exported_at": timezone.now().isoformat(timespec="seconds"),
        "choice": _describe_choice(choice),
        "files": entries,
    }
    _write(folder, "manifest.json", [json.dumps(manifest, indent=1).encode()])


def _describe_choice(choice: Choice) -> dict[str, Any]:
    return json.loads(json.dumps(asdict(choice)))  # type: ignore[no-any-return] # a dict


def _encode_participants(scope: Scope) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(PARTICIPANT_COLUMNS)
    rows = StudyIdentity.objects.filter(study__in=scope.studies()).order_by("identity", "study")
    columns = ("identity__name", "study__name", *PARTICIPANT_COLUMNS[2:])
    for row in rows.values_list(*columns).iterator():
        writer.writerow(["" if cell is None else _harmless(str(cell)) for cell in row])
    return out.getvalue().encode()


def _harmless(cell: str) -> str:
    # A spreadsheet would run a cell that begins so as a formula.
    return f"'{cell}" if cell[:1] in "=+-@\t\r" else cell


def _export_identity(
    folder: Path, identity: Identity, choice: Choice
) -> tuple[dict[str, Any], bool]:
    series_list = [one for one in _list_series(identity) if _is_chosen(one.name, choice)]
    files = _select_files(identity, choice)
    state = {
        "choice": _describe_choice(choice),
        "series": [asdict(series) for series in series_list],
        "originals": _describe_files(files),
    }
    index = f"{_folder_name(identity.name)}/identity.json"
    if (folder / index).exists():
        content = (folder / index).read_bytes()
        if json.loads(content)["state"] == state:
            return _describe(index, len(content), hashlib.sha256(content)), False
    entries: list[dict[str, Any]] = []
    if choice.with_samples:
        for series in series_list:
            entries += _write_series(folder, series, choice)
    if choice.with_originals:
        entries += _write_originals(folder, identity, files)
    described = {"identity": identity.name, "state": state, "files": entries}
    return _write(folder, index, [json.dumps(described, indent=1).encode()]), True


def _folder_name(name: str) -> str:
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


def _is_chosen(name: str, choice: Choice) -> bool:
    """Return whether a series is chosen by its name, or by that of its measurement."""
    return not choice.names or name in choice.names or name.rpartition(".")[0] in choice.names


def _select_files(identity: Identity, choice: Choice) -> QuerySet[Measurement]:
    """Return the files to export; rejected ones, which have no samples, without a range only."""
    files = Measurement.objects.filter(identity=identity)
    if choice.names:
        files = files.filter(name__in=choice.names)
    if choice.wanted.from_ms is not None:
        files = files.filter(last_ms__gte=choice.wanted.from_ms)
    if choice.wanted.to_ms is not None:
        files = files.filter(first_ms__lt=choice.wanted.to_ms)
    return files


def _describe_files(files: QuerySet[Measurement]) -> dict[str, Any]:
    found = files.aggregate(count=Count("pk"), newest=Max("received_at"))
    newest: datetime | None = found["newest"]
    return {"count": found["count"], "newest": newest and newest.isoformat()}


def _write_series(folder: Path, series: Series, choice: Choice) -> Iterator[dict[str, Any]]:
    kinds = find_kinds([series.name])
    provenance = describe_export(series, kinds, choice.wanted, timezone.now(), choice.source)
    stem = f"{_folder_name(series.identity)}/samples/{series.name}"
    samples = read_samples(series, choice.wanted)
    chunks = FORMATS[choice.format].encode(samples, provenance)
    yield _write(folder, f"{stem}.{choice.format}", chunks)
    yield _write(folder, f"{stem}.json", [json.dumps(provenance, indent=1).encode()])


def _write_originals(
    folder: Path, identity: Identity, files: QuerySet[Measurement]
) -> Iterator[dict[str, Any]]:
    receipts, place = [], f"{_folder_name(identity.name)}/originals"
    for pk in files.order_by("sequence", "pk").values_list("pk", flat=True).iterator():
        # One file in memory at a time; one that was erased meanwhile is left out.
        rows = Measurement.objects.select_related("identity", "certificate").filter(pk=pk)
        measurement = rows.first()
        if measurement is not None:
            name = make_file_name(measurement)
            receipts.append({"file": name, **make_receipt(measurement)})
            yield _write(folder, f"{place}/{name}", read_chunks(measurement))
    receipt_list = json.dumps(receipts, indent=1).encode()
    yield _write(folder, f"{place}/receipts.json", [receipt_list])


def _write(folder: Path, name: str, chunks: Iterable[bytes]) -> dict[str, Any]:
    """Write a file that appears when it is complete; return its entry in the manifest."""
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    partial = target.with_name(f".{target.name}.part")
    with partial.open("wb") as file:
        for chunk in chunks:
            digest.update(chunk)
            size += file.write(chunk)
    partial.replace(target)
    return _describe(name, size, digest)


def _describe(name: str, size: int, digest: hashlib._Hash) -> dict[str, Any]:
    return {"file": name, "bytes": size, "sha256": digest.hexdigest()}
