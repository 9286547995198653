"""The state of one benchmark run: running targets, rows, notes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from benchmarks.baselines import BARE, COPY, FLOOR, INFLUX, ORM, VICTORIA, gunicorn_apps, stores
from benchmarks.baselines.behind_nginx import Baseline
from benchmarks.cluster import Cluster
from benchmarks.comparison import Corpora, Load, compare
from benchmarks.devices import BenchmarkDevice
from benchmarks.report import Goal, Row, make_row
from benchmarks.targets import Product, Target
from benchmarks.workloads import Scale, Workload
from benchmarks.workspace import CannotMeasure, NotInstalled, Workspace, stop_programs

BASELINES: dict[str, Callable[[Cluster], Baseline]] = {
    BARE: gunicorn_apps.bare_app,
    FLOOR: gunicorn_apps.floor,
    ORM: gunicorn_apps.orm_rows,
    COPY: gunicorn_apps.copied_rows,
    VICTORIA: stores.victoria_metrics,
    INFLUX: stores.influxdb,
}


def print_line(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


@dataclass
class Run:
    """What scenarios measure with. A target is started when a scenario first uses it.

    ``new_devices`` holds unregistered devices and their keys for each round of registrations.
    """

    cluster: Cluster
    scale: Scale
    devices: list[BenchmarkDevice]
    new_devices: list[list[tuple[BenchmarkDevice, str]]]
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    durability: dict[str, str] = field(default_factory=dict)
    is_faulty: bool = False
    _started: list[Target] = field(default_factory=list)
    _baselines: dict[str, Baseline | None] = field(default_factory=dict)

    @property
    def workspace(self) -> Workspace:
        return self.cluster.workspace

    @cached_property
    def corpora(self) -> Corpora:
        return Corpora(self.workspace.root / "corpora", self.scale)

    @cached_property
    def product(self) -> Product:
        product = Product(cluster=self.cluster, name="product", database="main")
        self._start(product)
        return product

    @cached_property
    def filled_product(self) -> Product:
        """A second copy of the product, for scenarios that need a large store."""
        product = Product(cluster=self.cluster, name="filled product", database="filled")
        self._start(product)
        return product

    def _start(self, target: Target) -> None:
        self._started.append(target)
        target.start()
        self.durability[target.name] = target.durability

    def stop(self) -> None:
        stop_programs([program for target in self._started for program in target.programs])

    def baseline(self, name: str) -> Baseline | None:
        """Return a running baseline, or None where it cannot run, which is noted once."""
        if name not in self._baselines:
            self._baselines[name] = self._start_baseline(name)
        return self._baselines[name]

    def _start_baseline(self, name: str) -> Baseline | None:
        try:
            baseline = BASELINES[name](self.cluster)
            self._start(baseline)
        except NotInstalled as reason:
            self.note(f"{name} is left out: {reason}")
        except CannotMeasure as reason:
            self.fault(f"{name} is left out: {reason}")
        else:
            return baseline
        return None

    def note(self, text: str) -> None:
        """Print a note, once, and again below the table."""
        if text not in self.notes:
            self.notes.append(text)
            print_line(f"  note: {text}")

    def fault(self, text: str) -> None:
        """Note that a measurement is missing or not credible; the run exits with status 1."""
        self.is_faulty = True
        self.note(text)

    def add(
        self,
        work: str,
        value: float | None,
        unit: str,
        *,
        against: str = "",
        reference: float | None = None,
        goal: Goal | None = None,
    ) -> None:
        """Add a row to the table."""
        row = make_row(work, value, unit, against=against, reference=reference, goal=goal)
        self.rows.append(row)

    def compare(
        self,
        targets: Sequence[Target],
        workload: Workload,
        load: Load,
        other_loads: Mapping[str, Load] | None = None,
    ) -> dict[str, float | None]:
        """Return the best rate of each target by name, see ``comparison.compare``."""
        return compare(
            targets,
            workload,
            self.corpora,
            load,
            other_loads=other_loads or {},
            report_fault=self.fault,
        )

    def compare_with_baselines(
        self,
        work: str,
        workload: Workload,
        baselines: Sequence[str],
        load: Load,
        *,
        goals: Mapping[str, Goal] | None = None,
        other_loads: Mapping[str, Load] | None = None,
    ) -> None:
        """Compare the product with baselines and add a row for each."""
        running = [found for name in baselines if (found := self.baseline(name)) is not None]
        rates = self.compare([self.product, *running], workload, load, other_loads)
        value = rates.pop(self.product.name)
        for name, rate in rates.items():
            goal = (goals or {}).get(name)
            self.add(work, value, "files/s", against=name, reference=rate, goal=goal)
