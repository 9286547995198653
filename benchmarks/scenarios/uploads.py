"""Rates of uploads and registrations."""

from __future__ import annotations

from benchmarks import load_tool
from benchmarks.baselines import COPY, EVERY_BASELINE, FLOOR, INFLUX, VICTORIA
from benchmarks.comparison import Load, Round, send
from benchmarks.load_tool import RegisterJob
from benchmarks.report import Goal
from benchmarks.run import WHOLE_STACK, Run
from benchmarks.targets import NGINX, POSTGRESQL, SERVICE, Target
from benchmarks.workloads import Workload
from benchmarks.workspace import CannotMeasure


def small(run: Run) -> None:
    """Compare files of 7 samples with every baseline."""
    work, workload = "7-sample files, kept-alive, 8 devices", Workload("hr-7", 7, 60_000)
    goals = {
        FLOOR: Goal("≤", 1.6),
        SERVICE: Goal("≤", 1.0, "value"),
        POSTGRESQL: Goal("≤", 0.3, "value"),
    }
    load = Load(run.devices[:8])
    run.compare_with_baselines(work, workload, EVERY_BASELINE, load, processor_goals=goals)


def handshake(run: Run) -> None:
    """Compare files of 7 samples with a TLS handshake each."""
    work = "7-sample files, a handshake each, 8 devices"
    workload = Workload("hr-7-handshake", 7, 20_000)
    load = Load(run.devices[:8], handshake_each=True)
    run.compare_with_baselines(work, workload, [FLOOR], load, goals={FLOOR: Goal("≥", 0.85)})


def devices(run: Run) -> None:
    """Compare files of 7 samples from one device and from sixty-four."""
    for count, devices, series in ((1, "1 device", "hr-7-one"), (64, "64 devices", "hr-7-many")):
        work, workload = f"7-sample files, kept-alive, {devices}", Workload(series, 7, 30_000)
        run.compare_with_baselines(work, workload, [FLOOR], Load(run.devices[:count]))


def medium(run: Run) -> None:
    """Compare files of 1,000 samples with every baseline."""
    work, workload = "1,000-sample files, 8 devices", Workload("hr-1000", 1_000, 9_000)
    run.compare_with_baselines(
        work,
        workload,
        EVERY_BASELINE,
        Load(run.devices[:8]),
        goals={INFLUX: Goal("≥", 1.3)},
        processor_goals={SERVICE: Goal("≤", 1.4, "value"), POSTGRESQL: Goal("≤", 0.4, "value")},
    )


def day(run: Run) -> None:
    """Compare files of a day at 1 Hz; rows by COPY get one from each of two devices."""
    samples = run.scale.day_samples
    run.compare_with_baselines(
        f"{samples:,}-sample files, 8 devices",
        Workload("hr-day", samples, 180),
        [FLOOR, COPY, VICTORIA, INFLUX],
        Load(run.devices[:8]),
        goals={VICTORIA: Goal("≥", 1.0), INFLUX: Goal("≥", 4)},
        other_loads={COPY: Load(run.devices[:2], max_files=2)},
    )


def large(run: Run) -> None:
    """Compare files of a million samples; the slow get one from each of two devices."""
    samples = run.scale.large_samples
    run.compare_with_baselines(
        f"{samples:,}-sample files, 2 devices",
        Workload("hr-large", samples, 24, min_files_per_round=2),
        [VICTORIA, COPY, INFLUX],
        Load(run.devices[:2], max_files=2 * run.scale.large_files),
        goals={VICTORIA: Goal("≥", 1.2), COPY: Goal("≥", 15)},
        processor_goals={WHOLE_STACK: Goal("≤", 300, "value")},
        other_loads=dict.fromkeys([COPY, INFLUX], Load(run.devices[:2], max_files=2)),
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
    run.add_rounds(
        "7-sample files sent again, 1 device",
        repeated_rates,
        "files/s",
        against="the same, new",
        references=new_rates,
    )
    run.corpora.drop(workload)


def registrations(run: Run) -> None:
    """Compare registrations, each with a key and a handshake, with the floor's handshakes."""
    product, floor = run.product, run.baseline(FLOOR)
    count = "SELECT count(*) FROM ingest_devicecertificate"
    product_rounds: list[Round] = []
    floor_rounds: list[Round] = []
    for new_devices in run.new_devices:
        jobs = [{**device.for_load_tool(), "psk": psk} for device, psk in new_devices]
        before = run.cluster.query_number(product.database, count)
        product_rounds.append(_register(product, jobs))
        stored = run.cluster.query_number(product.database, count) - before
        if stored != len(new_devices):
            raise CannotMeasure(f"{len(new_devices)} registrations acknowledged, {stored} stored")
        if floor is not None:
            floor_rounds.append(_register(floor, jobs))
    run.add_rounds(
        "new certificates, 8 at once",
        [each.rate for each in product_rounds],
        "certificates/s",
        against="floor, a handshake each",
        references=[each.rate for each in floor_rounds],
        goal=Goal("≥", 0.60),
    )
    run.add_rounds(
        "new certificates, processor time",
        [each.all_processor_ms for each in product_rounds],
        "ms/certificate",
        against="floor, a handshake each",
        references=[each.all_processor_ms for each in floor_rounds],
    )
    for part in (NGINX, SERVICE, POSTGRESQL):
        values = [each.processor_ms[part] for each in product_rounds]
        run.add_rounds(f"new certificates, {part}", values, "ms/certificate")


def _register(target: Target, devices: list[dict[str, str]]) -> Round:
    stopwatch = target.stopwatch()
    result = load_tool.run(RegisterJob(target.url, devices, connections=8))
    elapsed_ms = stopwatch.elapsed_ms()
    if result.acknowledged != len(devices):
        raise CannotMeasure(f"registrations: answers {result.statuses}, {result.errors} lost")
    return Round(result.rate, {name: ms / result.sent for name, ms in elapsed_ms.items()})
