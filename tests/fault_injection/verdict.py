"""Compares what devices were told with what is stored. Pure: ledgers and rows in, findings out."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.fault_injection.database_state import Stored, StoredFile
from tests.fault_injection.ledger import Event
from tests.fault_injection.payload import File
from tests.fault_injection.response_log import STORED

# What a well-formed request may be answered with; 403 while the clock is wrong.
EXPECTED_STATUSES = (200, 403, 408, 422, 429, 503)
_Key = tuple[str, str, str]  # identity, series, SHA-256


@dataclass
class Told:
    """What devices sent and were told.

    ``attempted`` maps the key of each file to the file, ``receipts`` to all that came for it.
    """

    attempted: dict[_Key, File] = field(default_factory=dict)
    receipts: dict[_Key, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    answers: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    faults: list[str] = field(default_factory=list)


@dataclass
class Judgement:
    """The numbers and the findings; without findings all is well."""

    requests: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    attempted: int = 0
    acknowledged: int = 0
    refused: int = 0
    stored: int = 0
    samples: int = 0
    lost: int = 0
    doubled: int = 0
    findings: list[str] = field(default_factory=list)


def listen(events: Iterable[Event]) -> Told:
    """Return what the ledgers say."""
    told = Told()
    sent: dict[tuple[int, int], list[File]] = {}
    for event in events:
        request = (event.device, int(event.body["n"]))
        if event.what == "send":
            told.requests += 1
            sent[request] = [File(*spec) for spec in event.body["files"]]
            for file in sent[request]:
                told.attempted[_key(event.device, file)] = file
        elif event.what == "answer":
            _take_answer(told, event, sent[request])
        else:
            told.answers[f"none ({event.body['why']})"] += 1
    return told


def _take_answer(told: Told, event: Event, files: list[File]) -> None:
    status, code = event.body["status"], event.body["code"]
    told.answers[f"{status} {code}".strip()] += 1
    where = f"device {event.device}, request {event.body['n']}"
    if event.body["fault"]:
        told.faults.append(f"{where}: {event.body['fault']}")
    if status not in EXPECTED_STATUSES:
        told.faults.append(f"{where}: answered {status} {code}")
    receipts = event.body["files"]
    if status in (200, 422) and len(receipts) != len(files):
        told.faults.append(f"{where}: {len(receipts)} receipts for {len(files)} files")
    for file, receipt in zip(files, receipts, strict=False):
        told.receipts[_key(event.device, file)].append(receipt)


def judge(told: Told, stored: Stored) -> Judgement:
    """Return what is to be said of a run."""
    found = Judgement(
        requests=told.requests,
        answers=told.answers,
        attempted=len(told.attempted),
        samples=sum(map(len, stored.series.values())),
        doubled=stored.doubled,
        findings=[*told.faults, *stored.faults],
    )
    rows = _rows(stored, found)
    found.stored = sum(row.status == "stored" for row in rows.values())
    for key, row in rows.items():
        if key not in told.attempted:
            found.findings.append(f"stored, but never sent: {row.identity} {row.filename}")
        elif row.content != told.attempted[key].content:
            found.findings.append(f"other bytes are kept: {row.identity} {row.filename}")
    for key, receipts in told.receipts.items():
        _judge_receipts(found, told.attempted[key], receipts, rows.get(key))
    for series in {key[:2] for key in rows} | set(stored.series):
        _judge_series(found, series, stored)
    return found


def _rows(stored: Stored, found: Judgement) -> dict[_Key, StoredFile]:
    rows: dict[_Key, StoredFile] = {}
    for row in stored.files:
        key = row.identity, row.series, row.sha256
        if key in rows:
            found.doubled += 1
            found.findings.append(f"the same file is there twice: {row.identity} {row.filename}")
        rows[key] = row
    return rows


def _judge_receipts(
    found: Judgement, file: File, receipts: list[dict[str, Any]], row: StoredFile | None
) -> None:
    acknowledged = any(receipt["status"] in STORED for receipt in receipts)
    found.acknowledged += acknowledged
    found.refused += not acknowledged
    if acknowledged and not file.is_readable:
        found.findings.append(f"{file.filename} was taken and cannot be read")
    if not acknowledged and file.is_readable:
        found.findings.append(f"{file.filename} was refused and can be read")
    if row is None:
        # A refusal is kept too, for staff to look at.
        found.lost += 1
        found.findings.append(f"LOST: {file.filename} was answered and is not there")
        return
    if (row.status == "stored") != acknowledged:
        found.findings.append(f"{file.filename} was answered otherwise than it is kept")
    if len({receipt["id"] for receipt in receipts}) > 1:
        found.findings.append(f"{file.filename} was answered with several ids")
    if [receipt["status"] for receipt in receipts].count("stored") > 1:
        found.findings.append(f"{file.filename} was answered as new more than once")
    for receipt in receipts:
        _judge_receipt(found, receipt, row)


def _judge_receipt(found: Judgement, receipt: dict[str, Any], row: StoredFile) -> None:
    for name, kept in (
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
        if receipt[name] != kept:
            found.findings.append(
                f"{row.filename}: the receipt says {name} {receipt[name]}, the row {kept}"
            )


def _judge_series(found: Judgement, series: tuple[str, str], stored: Stored) -> None:
    """Lay the files over each other in a dictionary: its content and counts must be there."""
    model: dict[int, float] = {}
    for row in stored.files:
        if (row.identity, row.series) != series or row.status != "stored":
            continue
        counts = [0, 0, 0]
        for line in row.content.splitlines():
            time, _, text = line.partition(b",")
            moment, value = int(time), float(text)
            old = model.get(moment)
            counts[0 if old is None else 1 if old == value else 2] += 1
            model[moment] = value
        if counts != [row.new, row.identical, row.replaced]:
            found.findings.append(f"{row.filename}: counts {counts} expected, kept otherwise")
    kept = stored.series.get(series, {})
    if kept != model:
        missing = len(model.keys() - kept.keys())
        extra = len(kept.keys() - model.keys())
        other = len(model) - missing - sum(kept.get(time) == model[time] for time in model)
        found.lost += bool(missing)
        found.findings.append(
            f"{'/'.join(series)}: {missing} samples missing, {extra} from no file, {other} differ"
        )


def _key(device: int, file: File) -> _Key:
    return f"identity-{device // 2}", file.series, file.sha256
