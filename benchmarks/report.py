"""The table and ``bench.json``: rows, ratios and goals."""

from __future__ import annotations

import json
import operator
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Literal

HEADINGS = ("work", "value", "unit", "against", "reference", "ratio", "spread", "goal", "holds")
_COMPARE = {"≥": operator.ge, "≤": operator.le, "<": operator.lt}
_LEFT = {"work", "unit", "against", "spread", "goal", "holds"}


@dataclass(frozen=True)
class Goal:
    """A bound on the ratio, or on the value itself."""

    sense: Literal["≥", "≤", "<"]
    bound: float
    of: Literal["ratio", "value"] = "ratio"

    def __str__(self) -> str:
        text = f"{self.sense} {self.bound:g}"
        return f"{text} ×" if self.of == "ratio" else text

    def holds(
        self,
        value: float | None,
        ratio: float | None,
        spread: tuple[float, float] | None = None,
    ) -> bool:
        """Return whether the goal is met in every round; without a measurement it is not.

        ``spread`` holds the least and the greatest of what the goal bounds, over all rounds.
        """
        measured = ratio if self.of == "ratio" else value
        if measured is not None and spread is not None:
            measured = min(spread) if self.sense == "≥" else max(spread)
        return measured is not None and _COMPARE[self.sense](measured, self.bound)


@dataclass(frozen=True)
class Row:
    """A row of the table; ``holds`` is None without a goal.

    ``spread`` is the least and the greatest ratio of all rounds, of the value without a reference.

    ``value`` is None if the measurement failed or is not credible; a note says why.
    """

    work: str
    value: float | None
    unit: str
    against: str
    reference: float | None
    ratio: float | None
    spread: str
    goal: str
    holds: bool | None


def make_row(
    work: str,
    value: float | None,
    unit: str,
    *,
    against: str = "",
    reference: float | None = None,
    ratios: Sequence[float] = (),
    goal: Goal | None = None,
) -> Row:
    """Return a row with its ratio and its verdict, rounded to significant digits.

    ``ratios`` holds those of each round, or the values where there is no reference. The ratio of
    the row is their median: the rounds of one pair are close in time, and so comparable.
    """
    ratio = value / reference if value is not None and reference else None
    if ratio is not None and ratios:
        ratio = median(ratios)
    spread = (min(ratios), max(ratios)) if len(ratios) > 1 else None
    return Row(
        work=work,
        value=significant(value),
        unit=unit,
        against=against,
        reference=significant(reference),
        ratio=None if ratio is None else round(ratio, 3),
        spread="" if spread is None else f"{significant(spread[0], 3)}–{significant(spread[1], 3)}",
        goal="" if goal is None else str(goal),
        holds=None if goal is None else goal.holds(value, ratio, spread),
    )


def significant(value: float | None, digits: int = 4) -> float | None:
    return None if value is None else float(f"{value:.{digits}g}")


def table(rows: Sequence[Row]) -> str:
    """Return the rows as an aligned text table."""
    cells = [
        HEADINGS,
        *(tuple(_cell(name, value) for name, value in asdict(row).items()) for row in rows),
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
    """Return the content of ``bench.json``."""
    content = {
        "machine": machine,
        "rows": [asdict(row) for row in rows],
        "durability": durability,
        "notes": list(notes),
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
