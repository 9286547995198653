"""Compares the responses that devices received with the content of the database."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.fault_injection.database_state import DatabaseState, StoredFile
from tests.fault_injection.ledger import Event
from tests.fault_injection.payload import File
from tests.fault_injection.response_log import STORED

# Expected for well-formed requests; 403 while the clock is wrong.
EXPECTED_STATUSES = (200, 403, 408, 422, 429, 503)
_Key = tuple[str, str, str]  # identity, series, SHA-256


@dataclass
class Transcript:
    """The requests and responses of all devices.

    ``attempted`` maps the key of each file to the file, ``receipts`` to all of its receipts.
    """

    attempted: dict[_Key, File] = field(default_factory=dict)
    receipts: dict[_Key, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    responses: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    findings: list[str] = field(default_factory=list)


@dataclass
class Verdict:
    """The counts and the findings of a run."""

    requests: int = 0
    responses: Counter[str] = field(default_factory=Counter)
    attempted: int = 0
    acknowledged: int = 0
    refused: int = 0
    stored: int = 0
    samples: int = 0
    lost: int = 0
    doubled: int = 0
    findings: list[str] = field(default_factory=list)


def read_transcript(events: Iterable[Event]) -> Transcript:
    transcript = Transcript()
    sent: dict[tuple[int, int], list[File]] = {}
    for event in events:
        request = (event.device, int(event.body["n"]))
        if event.kind == "send":
            transcript.requests += 1
            sent[request] = [File(*spec) for spec in event.body["files"]]
            for file in sent[request]:
                transcript.attempted[_key(event.device, file)] = file
        elif event.kind == "response":
            _record_response(transcript, event, sent[request])
        else:
            transcript.responses[f"none ({event.body['error']})"] += 1
    return transcript


def _record_response(transcript: Transcript, event: Event, files: list[File]) -> None:
    status, code = event.body["status"], event.body["code"]
    transcript.responses[f"{status} {code}".strip()] += 1
    where = f"device {event.device}, request {event.body['n']}"
    if event.body["defect"]:
        transcript.findings.append(f"{where}: {event.body['defect']}")
    if status not in EXPECTED_STATUSES:
        transcript.findings.append(f"{where}: answered {status} {code}")
    receipts = event.body["files"]
    if status in (200, 422) and len(receipts) != len(files):
        transcript.findings.append(f"{where}: {len(receipts)} receipts for {len(files)} files")
    for file, receipt in zip(files, receipts, strict=False):
        transcript.receipts[_key(event.device, file)].append(receipt)


def compare(transcript: Transcript, state: DatabaseState) -> Verdict:
    verdict = Verdict(
        requests=transcript.requests,
        responses=transcript.responses,
        attempted=len(transcript.attempted),
        samples=sum(map(len, state.series.values())),
        doubled=state.doubled,
        findings=[*transcript.findings, *state.findings],
    )
    rows = _index_rows(state, verdict)
    verdict.stored = sum(row.status == "stored" for row in rows.values())
    for key, row in rows.items():
        if key not in transcript.attempted:
            verdict.findings.append(f"stored, but never sent: {row.identity} {row.filename}")
        elif row.content != transcript.attempted[key].content:
            verdict.findings.append(f"other bytes are stored: {row.identity} {row.filename}")
    for key, receipts in transcript.receipts.items():
        _check_receipts(verdict, transcript.attempted[key], receipts, rows.get(key))
    for series in {key[:2] for key in rows} | set(state.series):
        _check_series(verdict, series, state)
    return verdict


def _index_rows(state: DatabaseState, verdict: Verdict) -> dict[_Key, StoredFile]:
    rows: dict[_Key, StoredFile] = {}
    for row in state.files:
        key = row.identity, row.series, row.sha256
        if key in rows:
            verdict.doubled += 1
            verdict.findings.append(f"the same file is stored twice: {row.identity} {row.filename}")
        rows[key] = row
    return rows


def _check_receipts(
    verdict: Verdict, file: File, receipts: list[dict[str, Any]], row: StoredFile | None
) -> None:
    acknowledged = any(receipt["status"] in STORED for receipt in receipts)
    verdict.acknowledged += acknowledged
    verdict.refused += not acknowledged
    if acknowledged and not file.is_readable:
        verdict.findings.append(f"{file.filename} was accepted and is unreadable")
    if not acknowledged and file.is_readable:
        verdict.findings.append(f"{file.filename} was refused and is readable")
    if row is None:
        # Refused files are stored too, for staff.
        verdict.lost += 1
        verdict.findings.append(
            f"LOST: {file.filename} was acknowledged or refused and is not stored"
        )
        return
    if (row.status == "stored") != acknowledged:
        verdict.findings.append(
            f"{file.filename} has another status in the response than in the database"
        )
    if len({receipt["id"] for receipt in receipts}) > 1:
        verdict.findings.append(f"{file.filename} has several ids in responses")
    if [receipt["status"] for receipt in receipts].count("stored") > 1:
        verdict.findings.append(f"{file.filename} was reported as new more than once")
    for receipt in receipts:
        _check_receipt(verdict, receipt, row)


def _check_receipt(verdict: Verdict, receipt: dict[str, Any], row: StoredFile) -> None:
    for name, expected in (
        ("id", row.id),
        ("name", row.series),
        ("filename", row.filename),
        ("sha256", row.sha256),
        ("samples", row.samples),
        ("new", row.new),
        ("identical", row.identical),
        ("replaced", row.replaced),
        ("first_ms", row.first_ms),
        ("last_ms", row.last_ms),
    ):
        if receipt[name] != expected:
            verdict.findings.append(
                f"{row.filename}: the receipt says {name} {receipt[name]}, the row {expected}"
            )


def _check_series(verdict: Verdict, series: tuple[str, str], state: DatabaseState) -> None:
    """Compare with a dictionary model: the files applied one by one, in order."""
    model: dict[int, float] = {}
    for row in state.files:
        if (row.identity, row.series) != series or row.status != "stored":
            continue
        counts = [0, 0, 0]
        pairs = [line.split(b",") for line in row.content.splitlines()]
        for time_ms, value in {int(time): float(text) for time, text in pairs}.items():
            old = model.get(time_ms)
            counts[0 if old is None else 1 if old == value else 2] += 1
            model[time_ms] = value
        if counts != [row.new, row.identical, row.replaced]:
            verdict.findings.append(f"{row.filename}: counts {counts} expected, others stored")
    actual = state.series.get(series, {})
    if actual != model:
        missing = len(model.keys() - actual.keys())
        extra = len(actual.keys() - model.keys())
        other = len(model) - missing - sum(actual.get(time) == model[time] for time in model)
        verdict.lost += bool(missing)
        verdict.findings.append(
            f"{'/'.join(series)}: {missing} samples missing, {extra} from no file, {other} differ"
        )


def _key(device: int, file: File) -> _Key:
    return f"identity-{device // 2}", file.series, file.sha256
