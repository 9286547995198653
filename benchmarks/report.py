"""The table and ``bench.json``: rows, and how a value is held against its goal. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

HEADINGS = ("work", "value", "unit", "against", "reference", "ratio", "goal", "holds")
_LEFT = {"work", "unit", "against", "goal", "holds"}


@dataclass(frozen=True)
class Goal:
    """A bound on the ratio, or on the value itself: ``at least`` or ``at most``."""

    sense: Literal["≥", "≤", "<"]
    bound: float
    of: Literal["ratio", "value"] = "ratio"

    def __str__(self) -> str:
        text = f"{self.sense} {self.bound:g}"
        return f"{text} ×" if self.of == "ratio" else text

    def holds(self, value: float | None, ratio: float | None) -> bool:
        """Tell whether it is met; what could not be measured is not."""
        found = ratio if self.of == "ratio" else value
        if found is None:
            return False
        if self.sense == "≥":
            return found >= self.bound
        return found <= self.bound if self.sense == "≤" else found < self.bound


@dataclass(frozen=True)
class Row:
    """A line of the table. ``holds`` is None where there is no goal.

    ``value`` is None where it could not be measured, or must not be believed: a note says why.
    """

    work: str
    value: float | None
    unit: str
    against: str
    reference: float | None
    ratio: float | None
    goal: str
    holds: bool | None


def row(
    work: str,
    value: float | None,
    unit: str,
    *,
    against: str = "",
    reference: float | None = None,
    goal: Goal | None = None,
) -> Row:
    """Return a row with its ratio, rounded to what can be told apart, and its verdict."""
    ratio = value / reference if value is not None and reference else None
    return Row(
        work=work,
        value=significant(value),
        unit=unit,
        against=against,
        reference=significant(reference),
        ratio=None if ratio is None else round(ratio, 3),
        goal="" if goal is None else str(goal),
        holds=None if goal is None else goal.holds(value, ratio),
    )


def significant(value: float | None, digits: int = 4) -> float | None:
    """Return ``value`` rounded to so many significant digits."""
    return None if value is None else float(f"{value:.{digits}g}")


def table(rows: Sequence[Row]) -> str:
    """Return the rows as lines of text under headings."""
    cells = [
        HEADINGS,
        *(tuple(_cell(name, value) for name, value in asdict(r).items()) for r in rows),
    ]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEADINGS))]
    lines = [_line(line, widths) for line in cells]
    rule = "  ".join("-" * width for width in widths)
    return "\n".join([lines[0], rule, *lines[1:]])


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    aligned = (
        cell.ljust(width) if heading in _LEFT else cell.rjust(width)
        for heading, cell, width in zip(HEADINGS, cells, widths, strict=True)
    )
    return "  ".join(aligned).rstrip()


def _cell(name: str, value: object) -> str:
    if name == "holds":
        return {True: "yes", False: "NO", None: ""}[value]  # type: ignore[index]
    if value is None:
        return "-"
    if name == "ratio":
        return f"{value:.2f}"
    if isinstance(value, float):
        return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"
    return str(value)


def document(
    machine: dict[str, object],
    rows: Sequence[Row],
    durability: dict[str, str],
    notes: Sequence[str],
) -> str:
    """Return what ``bench.json`` holds."""
    found = {
        "machine": machine,
        "rows": [asdict(each) for each in rows],
        "durability": durability,
        "notes": list(notes),
    }
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"
