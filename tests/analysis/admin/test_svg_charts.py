"""Charts drawn as SVG on the server: their coordinates are numbers, whatever the values are."""

import math

import numpy as np
import pytest

from analysis.admin.svg_charts import PLOT_SIZE, make_plot, make_sparkline

VALUES = [
    [0.0, 0.0],
    [1e16, 1e16],
    [1.7e308, 1.7e308],
    [-1.7e308, 1.7e308],
    [0.0, 5e-324],
    [1e16, 1e16 + 2],
]


@pytest.mark.parametrize("values", VALUES, ids=str)
def test_marks_are_inside_the_plot(values: list[float]) -> None:
    points = [(n, n + 1, value, "") for n, value in enumerate(values)]
    plot = make_plot(points, (0, len(values)), [])
    heights = [y for _, y, _, _ in plot.marks] + [y for y, _ in plot.lines]
    assert all(0 <= y <= PLOT_SIZE[1] for y in heights)


def test_a_constant_series_has_one_line() -> None:
    plot = make_plot([(n, n + 1, 60.0, "") for n in range(3)], (0, 3), [])
    assert [label for _, label in plot.lines] == ["60"]


@pytest.mark.parametrize("values", VALUES, ids=str)
def test_sparklines_have_numbers(values: list[float]) -> None:
    points = make_sparkline(np.arange(len(values)), np.array(values), 100, 20).replace(",", " ")
    assert all(math.isfinite(float(number)) for number in points.split())
