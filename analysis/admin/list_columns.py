"""The headings of a list's columns, which sort it: ``admin/analysis/column_headings.html``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

from analysis.queries.list_order import Order

# Name, label, and whether its cells are numbers.
Column = tuple[str, Any, bool]


def describe_columns(
    columns: Iterable[Column],
    order: Order,
    sorts: Collection[str],
    make_query: Callable[[str], str],
    *,
    descending_first: Collection[str] = (),
) -> list[dict[str, Any]]:
    """Return the headings; those of ``sorts`` have the query that ``make_query`` makes of a sort.

    The query reverses the order by the chosen column.
    """
    described = []
    for name, label, is_number in columns:
        is_chosen = name == order.column
        descends = not order.is_descending if is_chosen else name in descending_first
        direction = "descending" if order.is_descending else "ascending"
        described.append(
            {
                "label": label,
                "is_number": is_number,
                "query": make_query(Order(name, descends).text) if name in sorts else "",
                "order": direction if is_chosen else "none",
            }
        )
    return described
