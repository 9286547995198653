"""The state of one benchmark run: running targets, rows, notes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import median
from typing import Any

from benchmarks.baselines import BARE, COPY, FLOOR, INFLUX, ORM, VICTORIA, gunicorn_apps, stores
from benchmarks.baselines.behind_nginx import Baseline
from benchmarks.cluster import Cluster
from benchmarks.comparison import Corpora, Load, Round, compare
from benchmarks.devices import BenchmarkDevice
from benchmarks.report import Goal, Row, make_row
from benchmarks.targets import NGINX, POSTGRESQL, SERVICE, Product, Target
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


WHOLE_STACK = "all programs"


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

    def add(self, work: str, value: float | None, unit: str, **options: Any) -> None:
        """Add a row to the table, see ``report.make_row``."""
        self.rows.append(make_row(work, value, unit, **options))

    def add_rounds(
        self,
        work: str,
        values: Sequence[float],
        unit: str,
        *,
        against: str = "",
        references: Sequence[float] | None = None,
        goal: Goal | None = None,
    ) -> None:
        """Add a row of the medians of all rounds; empty lists are measurements that failed."""
        ratios = list(values)
        if references is not None:
            ratios = [a / b for a, b in zip(values, references, strict=False)]
        self.add(
            work,
            median(values) if values else None,
            unit,
            against=against,
            reference=median(references) if references else None,
            ratios=ratios,
            goal=goal,
        )

    def compare(
        self,
        targets: Sequence[Target],
        workload: Workload,
        load: Load,
        other_loads: Mapping[str, Load] | None = None,
    ) -> dict[str, list[Round]]:
        """Return the rounds of each target by name, see ``comparison.compare``."""
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
        processor_goals: Mapping[str, Goal] | None = None,
        other_loads: Mapping[str, Load] | None = None,
    ) -> None:
        """Compare the product with baselines and add two rows for each: rate, processor time.

        ``goals`` are by baseline; ``processor_goals`` too, or by part of the product.
        """
        running = [found for name in baselines if (found := self.baseline(name)) is not None]
        rounds = self.compare([self.product, *running], workload, load, other_loads)
        own = rounds.pop(self.product.name)
        for name, others in rounds.items():
            self.add_rounds(
                work,
                [each.rate for each in own],
                "files/s",
                against=name,
                references=[each.rate for each in others],
                goal=(goals or {}).get(name),
            )
        processor_goals = processor_goals or {}
        for name, others in rounds.items():
            self.add_rounds(
                f"{work}, processor time",
                [each.all_processor_ms for each in own],
                "ms/file",
                against=name,
                references=[each.all_processor_ms for each in others],
                goal=processor_goals.get(name),
            )
        for part in (WHOLE_STACK, NGINX, SERVICE, POSTGRESQL):
            values = [
                each.all_processor_ms if part == WHOLE_STACK else each.processor_ms[part]
                for each in own
            ]
            goal = processor_goals.get(part)
            self.add_rounds(f"{work}, {part}", values, "ms/file", goal=goal)
