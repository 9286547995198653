"""One run: what is up, what was found, and what ends with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from benchmarks import processes
from benchmarks.baselines import gunicorn_apps, stores
from benchmarks.baselines.gunicorn_apps import GunicornReference
from benchmarks.baselines.stores import StoreReference
from benchmarks.cluster import Cluster
from benchmarks.comparison import Corpora, Measured
from benchmarks.devices import BenchDevice
from benchmarks.processes import CannotMeasure, NotInstalled
from benchmarks.product import Product
from benchmarks.report import Goal, Row, row
from benchmarks.workloads import Scale
from benchmarks.workspace import Place

Reference = GunicornReference | StoreReference
Startable = TypeVar("Startable", bound=Product | Reference)

FLOOR, BARE, ORM = "floor", "bare app", "DRF and ORM rows"
COPY, VICTORIA, INFLUX = "rows by COPY", "VictoriaMetrics", "InfluxDB"


@dataclass
class Session:
    """What rows are measured with. Programs are started when a row first asks for them."""

    place: Place
    cluster: Cluster
    scale: Scale
    devices: list[BenchDevice]
    newcomers: list[list[tuple[BenchDevice, str]]]  # for each round: device and key
    say: Callable[[str], None]
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    durability: dict[str, str] = field(default_factory=dict)
    is_faulty: bool = False
    _started: list[Product | Reference] = field(default_factory=list)
    _references: dict[str, Reference | None] = field(default_factory=dict)

    @cached_property
    def corpora(self) -> Corpora:
        """Return the files that are sent."""
        folder = self.place.root / "corpora"
        folder.mkdir()
        return Corpora(folder, self.scale)

    @cached_property
    def product(self) -> Product:
        """Return the product, running."""
        return self.start(Product(self.place, self.cluster, "main"))

    @cached_property
    def filled(self) -> Product:
        """Return another copy of the product, running, for the rows that need much in store."""
        return self.start(Product(self.place, self.cluster, "filled"))

    def start(self, program: Startable) -> Startable:
        """Start something that ends with the run."""
        self._started.append(program)
        program.start()
        self.durability[program.name] = program.durability
        return program

    def end(self) -> None:
        """End all that was started."""
        processes.stop_all([program for each in self._started for program in each.programs])

    def reference(self, name: str) -> Reference | None:
        """Return a reference, running, or None where it is missing: named once, never faked."""
        if name not in self._references:
            self._references[name] = self._start_reference(name)
        return self._references[name]

    def _start_reference(self, name: str) -> Reference | None:
        place, cluster = self.place, self.cluster
        made: dict[str, Callable[[], Reference]] = {
            BARE: lambda: gunicorn_apps.bare(place, cluster),
            FLOOR: lambda: gunicorn_apps.floor_app(place, cluster),
            ORM: lambda: gunicorn_apps.orm_rows(place, cluster),
            COPY: lambda: gunicorn_apps.copied_rows(place, cluster),
            VICTORIA: lambda: stores.victoria_metrics(place),
            INFLUX: lambda: stores.influxdb(place),
        }
        try:
            return self.start(made[name]())
        except NotInstalled as reason:
            self.note(f"{name} is left out: {reason}")
        except CannotMeasure as reason:
            self.fault(f"{name} is left out: {reason}")
        return None

    def references(self, names: Sequence[str]) -> list[Reference]:
        """Return those references that are there."""
        return [found for name in names if (found := self.reference(name)) is not None]

    def note(self, text: str) -> None:
        """Say something that belongs under the table."""
        if text not in self.notes:
            self.notes.append(text)
            self.say(f"  note: {text}")

    def fault(self, text: str) -> None:
        """Say that something should have been measured and was not, or must not be believed."""
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
        self.rows.append(row(work, value, unit, against=against, reference=reference, goal=goal))

    def add_rates(
        self, work: str, found: dict[str, Measured], goals: dict[str, Goal], name: str = "product"
    ) -> None:
        """Add a row for each target that ``name`` was compared with."""
        for measured in found.values():
            for text in measured.faults:
                self.fault(text)
        for other, measured in found.items():
            if other != name:
                rate = found[name].rate
                goal = goals.get(other)
                self.add(work, rate, "files/s", against=other, reference=measured.rate, goal=goal)
