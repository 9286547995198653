"""The table of `make bench` and its goals."""

import json

import pytest

from benchmarks.report import HEADINGS, Goal, document, make_row, table


@pytest.mark.parametrize(
    ("goal", "value", "reference", "holds"),
    [
        (Goal("≥", 0.6), 60.0, 100.0, True),
        (Goal("≥", 0.6), 59.0, 100.0, False),
        (Goal("≤", 3), 30.0, 10.0, True),
        (Goal("≤", 3), 31.0, 10.0, False),
        (Goal("<", 84, "value"), 83.9, 84.0, True),
        (Goal("<", 84, "value"), 84.0, 84.0, False),
        (Goal("≤", 300, "value"), 300.0, None, True),
    ],
)
def test_a_goal_bounds_the_ratio_or_the_value(
    goal: Goal, value: float, reference: float | None, holds: bool
) -> None:
    assert make_row("work", value, "unit", reference=reference, goal=goal).holds is holds


@pytest.mark.parametrize("goal", [Goal("≥", 0.6), Goal("≤", 3), Goal("≤", 300, "value")])
def test_a_missing_measurement_fails_every_goal(goal: Goal) -> None:
    assert (
        make_row("work", None, "unit", against="floor", reference=100.0, goal=goal).holds is False
    )


def test_a_ratio_needs_a_measured_reference() -> None:
    missing = make_row("work", 5.0, "unit", against="floor", reference=None, goal=Goal("≥", 0.6))
    assert missing.ratio is None
    assert missing.holds is False


@pytest.mark.parametrize(
    ("ratios", "holds"), [([0.7, 0.8, 0.61], True), ([0.7, 0.8, 0.59], False), ([], True)]
)
def test_a_goal_is_met_in_every_round(ratios: list[float], holds: bool) -> None:
    row = make_row("work", 70.0, "unit", reference=100.0, ratios=ratios, goal=Goal("≥", 0.6))
    assert row.holds is holds
    assert row.ratio == pytest.approx(0.7)
    assert row.spread == (f"{min(ratios)}–{max(ratios)}" if ratios else "")


def test_without_a_goal_there_is_no_verdict() -> None:
    assert make_row("work", 5.0, "unit").holds is None


def test_rows_of_the_document_have_the_keys_of_the_table() -> None:
    rows = [make_row("work", 1160.123, "files/s", against="floor", reference=2300.0)]
    content = json.loads(document({"cores": 2}, rows, {"floor": "durable"}, ["a note"]))
    assert tuple(content["rows"][0]) == HEADINGS
    assert content["rows"][0]["value"] == 1160.0
    assert content["rows"][0]["ratio"] == pytest.approx(0.504)
    assert content["machine"] == {"cores": 2}


def test_the_table_has_a_line_for_each_row_and_marks_failures() -> None:
    rows = [
        make_row(
            "small", 1160.0, "files/s", against="floor", reference=2300.0, goal=Goal("≥", 0.6)
        ),
        make_row("memory", None, "MB"),
    ]
    headings, _, small, memory = table(rows).splitlines()
    assert headings.split() == list(HEADINGS)
    assert small.split() == [
        "small",
        "1,160",
        "files/s",
        "floor",
        "2,300",
        "0.50",
        "≥",
        "0.6",
        "×",
        "NO",
    ]
    assert memory.split() == ["memory", "-", "MB", "-", "-"]
