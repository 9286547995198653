"""Values near the largest double: their sums are no doubles, every number shown is one."""

import math
from collections.abc import Iterator
from typing import Any

import pytest

from identities.models import Identity
from tests.analysis.conftest import Get
from tests.analysis.queries.factories import make_series

START = 1_700_006_400_000
MIN_MS, HOUR_MS = 60_000, 3_600_000
HUGE = 1.7e308


def numbers(document: Any) -> Iterator[float]:
    """Yield all numbers in a JSON document."""
    if isinstance(document, dict | list):
        for member in document.values() if isinstance(document, dict) else document:
            yield from numbers(member)
    elif isinstance(document, float):
        yield document


@pytest.fixture
def series(ward: Identity) -> Identity:
    """Give two hours of values whose mean is the largest of them, but for one."""
    make_series(ward, "x", {START + n * MIN_MS: HUGE if n else 5.0 for n in range(120)})
    return ward


@pytest.mark.usefixtures("series")
@pytest.mark.parametrize("width", [1, 2, 1000])
def test_charts_have_finite_numbers(get: Get, width: int) -> None:
    buckets = get("series/Ward3-07/x/buckets", width=width).json()["buckets"]
    assert sum(bucket["count"] for bucket in buckets) == 120
    assert all(math.isfinite(number) for number in numbers(buckets))
    assert buckets[-1]["mean"] == pytest.approx(HUGE, rel=0.02)


@pytest.mark.usefixtures("series")
@pytest.mark.parametrize("path", ["summary", "days"])
def test_statistics_have_finite_numbers(get: Get, path: str) -> None:
    response = get(f"series/Ward3-07/x/{path}")
    assert response.status_code == 200
    found = list(numbers(response.json()))
    assert HUGE in found
    assert all(math.isfinite(number) for number in found)
