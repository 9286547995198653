"""Rows of uploads and registrations: how many a second, against what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks import load_tool
from benchmarks.comparison import (
    Measured,
    Run,
    compare,
    send,
)
from benchmarks.load_tool import RegisterJob
from benchmarks.processes import CannotMeasure
from benchmarks.report import Goal
from benchmarks.run import (
    BARE,
    COPY,
    FLOOR,
    INFLUX,
    ORM,
    VICTORIA,
    Session,
)
from benchmarks.target import Target
from benchmarks.workloads import Workload

EVERYTHING = (FLOOR, BARE, ORM, COPY, VICTORIA, INFLUX)


@dataclass(frozen=True)
class Comparison:
    """A workload and what it is sent to beside the product."""

    work: str
    workload: Workload
    against: Sequence[str]
    goals: dict[str, Goal] = field(default_factory=dict)
    devices: int = 8
    handshake_each: bool = False
    slow: Sequence[str] = ()  # get one file from each of two devices


SMALL = Comparison(
    "7-sample files, kept-alive, 8 devices",
    Workload("hr-7", 7, 60_000),
    EVERYTHING,
    {FLOOR: Goal("≥", 0.60)},
)
HANDSHAKE = Comparison(
    "7-sample files, a handshake each, 8 devices",
    Workload("hr-7-handshake", 7, 20_000),
    (FLOOR,),
    {FLOOR: Goal("≥", 0.80)},
    handshake_each=True,
)
ONE_DEVICE = Comparison(
    "7-sample files, kept-alive, 1 device", Workload("hr-7-one", 7, 30_000), (FLOOR,), devices=1
)
MANY_DEVICES = Comparison(
    "7-sample files, kept-alive, 64 devices",
    Workload("hr-7-many", 7, 30_000),
    (FLOOR,),
    devices=64,
)
MEDIUM = Comparison(
    "1,000-sample files, 8 devices",
    Workload("hr-1000", 1_000, 9_000),
    EVERYTHING,
    {FLOOR: Goal("≥", 0.60)},
)
REPEATED = Workload("hr-7-again", 7, 20_000)


def compare_uploads(session: Session, comparison: Comparison) -> None:
    """Add the rows of one comparison."""
    run = Run(session.devices[: comparison.devices], comparison.handshake_each)
    slow = Run(session.devices[:2], most_files=2)
    targets: list[Target] = [session.product, *session.references(comparison.against)]
    found = compare(
        targets,
        comparison.workload,
        session.corpora,
        session.scale,
        lambda target: slow if target.name in comparison.slow else run,
    )
    session.add_rates(comparison.work, found, comparison.goals)
    session.corpora.drop(comparison.workload)


def small(session: Session) -> None:
    """Files of 7 samples, against everything."""
    compare_uploads(session, SMALL)


def handshake(session: Session) -> None:
    """Files of 7 samples with a TLS handshake each."""
    compare_uploads(session, HANDSHAKE)


def devices(session: Session) -> None:
    """Files of 7 samples from one device and from sixty-four."""
    compare_uploads(session, ONE_DEVICE)
    compare_uploads(session, MANY_DEVICES)


def medium(session: Session) -> None:
    """Files of 1,000 samples, against everything."""
    compare_uploads(session, MEDIUM)


def day(session: Session) -> None:
    """Files of a day at 1 Hz."""
    samples = session.scale.day_samples
    comparison = Comparison(
        f"{samples:,}-sample files, 8 devices",
        Workload("hr-day", samples, 180),
        (FLOOR, COPY, VICTORIA, INFLUX),
        slow=(COPY,),
    )
    compare_uploads(session, comparison)


def large(session: Session) -> None:
    """Files of a million samples; slow references get one for each of two devices."""
    scale, pair = session.scale, session.devices[:2]
    workload = Workload("hr-large", scale.large_samples, 24, least=2)
    most = {"product": 2 * scale.large_files, VICTORIA: 2 * scale.large_files}
    targets: list[Target] = [session.product, *session.references((VICTORIA, COPY))]
    found = compare(
        targets,
        workload,
        session.corpora,
        scale,
        lambda target: Run(pair, most_files=most.get(target.name, 2)),
    )
    goals = {VICTORIA: Goal("≥", 1.5), COPY: Goal("≥", 10)}
    session.add_rates(f"{scale.large_samples:,}-sample files, 2 devices", found, goals)
    session.corpora.drop(workload)


def repeats(session: Session) -> None:
    """Files sent again, which change nothing, against the same when they were new."""
    new, again = Measured(), Measured()
    # One device: which of several sends a file is chance, and for another it would be new.
    first, second = Run(session.devices[:1]), Run(session.devices[:1], repeated=True)
    for _ in range(session.scale.rounds):
        for run, measured in ((first, new), (second, again)):
            result = send(session.product, REPEATED, session.corpora, session.scale, run)
            measured.rates.append(result.rate)
    session.add(
        "7-sample files sent again, 1 device",
        again.rate,
        "files/s",
        against="the same, new",
        reference=new.rate,
    )
    session.corpora.drop(REPEATED)


def registrations(session: Session) -> None:
    """New certificates, each with a key and a handshake of its own."""
    product = session.product
    floor = session.reference(FLOOR)
    counted = "SELECT count(*) FROM ingest_devicecertificate"
    ours: list[float] = []
    theirs: list[float] = []
    for newcomers in session.newcomers:
        jobs = [{**device.for_load_tool(), "psk": psk} for device, psk in newcomers]
        before = session.cluster.number(product.database, counted)
        ours.append(_register(product.url, jobs))
        bound = session.cluster.number(product.database, counted) - before
        if bound != len(newcomers):
            raise CannotMeasure(f"{len(newcomers)} registrations acknowledged, {bound} stored")
        if floor is not None:
            theirs.append(_register(floor.url, jobs))
    session.add(
        "new certificates, 8 at once",
        max(ours),
        "certificates/s",
        against="floor, a handshake each",
        reference=max(theirs) if theirs else None,
    )


def _register(url: str, devices: list[dict[str, str]]) -> float:
    result = load_tool.register(RegisterJob(url, devices, connections=8))
    if result.acknowledged != len(devices):
        raise CannotMeasure(f"registrations: answers {result.statuses}, {result.errors} lost")
    return result.rate
