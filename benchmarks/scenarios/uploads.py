"""Rates of uploads and registrations."""

from __future__ import annotations

from benchmarks import load_tool
from benchmarks.baselines import COPY, EVERY_BASELINE, FLOOR, INFLUX, VICTORIA
from benchmarks.comparison import Load, send
from benchmarks.load_tool import RegisterJob
from benchmarks.report import Goal
from benchmarks.run import Run
from benchmarks.workloads import Workload
from benchmarks.workspace import CannotMeasure


def small(run: Run) -> None:
    """Compare files of 7 samples with every baseline."""
    work, workload = "7-sample files, kept-alive, 8 devices", Workload("hr-7", 7, 60_000)
    goals = {FLOOR: Goal("≥", 0.60)}
    run.compare_with_baselines(work, workload, EVERY_BASELINE, Load(run.devices[:8]), goals=goals)


def handshake(run: Run) -> None:
    """Compare files of 7 samples with a TLS handshake each."""
    work = "7-sample files, a handshake each, 8 devices"
    workload = Workload("hr-7-handshake", 7, 20_000)
    load = Load(run.devices[:8], handshake_each=True)
    run.compare_with_baselines(work, workload, [FLOOR], load, goals={FLOOR: Goal("≥", 0.80)})


def devices(run: Run) -> None:
    """Compare files of 7 samples from one device and from sixty-four."""
    for count, devices, series in ((1, "1 device", "hr-7-one"), (64, "64 devices", "hr-7-many")):
        work, workload = f"7-sample files, kept-alive, {devices}", Workload(series, 7, 30_000)
        run.compare_with_baselines(work, workload, [FLOOR], Load(run.devices[:count]))


def medium(run: Run) -> None:
    """Compare files of 1,000 samples with every baseline."""
    work, workload = "1,000-sample files, 8 devices", Workload("hr-1000", 1_000, 9_000)
    goals = {FLOOR: Goal("≥", 0.60)}
    run.compare_with_baselines(work, workload, EVERY_BASELINE, Load(run.devices[:8]), goals=goals)


def day(run: Run) -> None:
    """Compare files of a day at 1 Hz; rows by COPY get one from each of two devices."""
    samples = run.scale.day_samples
    run.compare_with_baselines(
        f"{samples:,}-sample files, 8 devices",
        Workload("hr-day", samples, 180),
        [FLOOR, COPY, VICTORIA, INFLUX],
        Load(run.devices[:8]),
        other_loads={COPY: Load(run.devices[:2], max_files=2)},
    )


def large(run: Run) -> None:
    """Compare files of a million samples; rows by COPY get one from each of two devices."""
    samples = run.scale.large_samples
    run.compare_with_baselines(
        f"{samples:,}-sample files, 2 devices",
        Workload("hr-large", samples, 24, min_files_per_round=2),
        [VICTORIA, COPY],
        Load(run.devices[:2], max_files=2 * run.scale.large_files),
        goals={VICTORIA: Goal("≥", 1.5), COPY: Goal("≥", 10)},
        other_loads={COPY: Load(run.devices[:2], max_files=2)},
    )


def repeats(run: Run) -> None:
    """Compare files that are sent again, which change nothing, with the same files when new."""
    workload = Workload("hr-7-again", 7, 20_000)
    # One device: a file is a repetition only from the identity that sent it before.
    new, again = Load(run.devices[:1]), Load(run.devices[:1], repeated=True)
    new_rates: list[float] = []
    repeated_rates: list[float] = []
    for _ in range(run.scale.rounds):
        for load, rates in ((new, new_rates), (again, repeated_rates)):
            rates.append(send(run.product, workload, run.corpora, load).rate)
    run.add(
        "7-sample files sent again, 1 device",
        max(repeated_rates),
        "files/s",
        against="the same, new",
        reference=max(new_rates),
    )
    run.corpora.drop(workload)


def registrations(run: Run) -> None:
    """Compare registrations, each with a key and a handshake, with the floor's handshakes."""
    product, floor = run.product, run.baseline(FLOOR)
    count = "SELECT count(*) FROM ingest_devicecertificate"
    product_rates: list[float] = []
    floor_rates: list[float] = []
    for new_devices in run.new_devices:
        jobs = [{**device.for_load_tool(), "psk": psk} for device, psk in new_devices]
        before = run.cluster.query_number(product.database, count)
        product_rates.append(_register(product.url, jobs))
        stored = run.cluster.query_number(product.database, count) - before
        if stored != len(new_devices):
            raise CannotMeasure(f"{len(new_devices)} registrations acknowledged, {stored} stored")
        if floor is not None:
            floor_rates.append(_register(floor.url, jobs))
    run.add(
        "new certificates, 8 at once",
        max(product_rates),
        "certificates/s",
        against="floor, a handshake each",
        reference=max(floor_rates) if floor_rates else None,
    )


def _register(url: str, devices: list[dict[str, str]]) -> float:
    result = load_tool.run(RegisterJob(url, devices, connections=8))
    if result.acknowledged != len(devices):
        raise CannotMeasure(f"registrations: answers {result.statuses}, {result.errors} lost")
    return result.rate
