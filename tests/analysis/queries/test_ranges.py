"""Time ranges are parsed, and invalid ones are rejected by name."""

import contextlib
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.time_range import (
    LATEST_MS,
    RangeError,
    TimeRange,
    format_instant,
    parse_instant,
    parse_range,
)

ELEVEN = 1560250800000  # 2019-06-11T11:00Z


@pytest.mark.parametrize(
    "text",
    [
        "1560250800000",
        "2019-06-11T11:00",
        "2019-06-11 11:00:00",
        "2019-06-11T11:00:00Z",
        "2019-06-11t11:00:00.000z",
        "2019-06-11T13:00:00+02:00",
        "2019-06-11T13:00:00 02:00",  # a "+" that was not percent-encoded
        "2019-06-11T13:00:00+0200",
        "2019-06-11T05:00-06",
        " 2019-06-11T11:00:00.000000 ",
    ],
)
def test_times_are_parsed_in_all_common_formats(text: str) -> None:
    assert parse_instant(text, "from") == ELEVEN


def test_a_date_is_its_midnight_in_utc() -> None:
    assert parse_instant("2019-06-11", "from") == ELEVEN - 11 * 3_600_000


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "yesterday", "1e3", "1560250800000.", "1560250800000,5", "2019-13-01",
        "2019-06-11T25:00", "2019-06", "2019-W24-2", "\0", "1\0", "١٢٣",
        "2019-06-11T11:00\n2019", "--1",
        "9" * 40, "NaN",
    ],
)  # fmt: skip
def test_an_invalid_time_is_rejected_with_its_parameter(text: str) -> None:
    with pytest.raises(RangeError, match="ISO 8601") as caught:
        parse_instant(text, "to")
    assert caught.value.parameter == "to"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("1526292559", "look like seconds"),
        ("1526292559.214125", "look like seconds"),
        ("1526292559214000", "look like microseconds"),
        ("2018", "2018-01-01"),
        ("20180514", "2018-05-14"),
        ("1526292559214000000", "look like nanoseconds"),
        ("201805", "2018-05-01"),
        ("201805141209", "2018-05-14T12:09:00"),
        ("20180514120919", "2018-05-14T12:09:19"),
    ],
)
def test_another_unit_is_rejected_with_a_hint(text: str, hint: str) -> None:
    with pytest.raises(RangeError, match=hint):
        parse_instant(text, "from")


@pytest.mark.parametrize("text", ["0", "1", "1000", "86400000", "1526292559214"])
def test_other_digits_are_milliseconds(text: str) -> None:
    assert parse_instant(text, "from") == int(text)


@given(
    st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-9, minutes=-30))]))
    .filter(lambda moment: 1970 < moment.year < 9999)
    .map(lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000))
)
def test_isoformat_output_is_parsed_back(moment: datetime) -> None:
    expected = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    assert parse_instant(moment.isoformat(), "from") == expected
    assert parse_instant(str(expected), "from") == expected
    assert parse_instant(format_instant(expected), "from") == expected


@given(st.text(max_size=40))
def test_no_text_raises_anything_but_a_range_error(text: str) -> None:
    with contextlib.suppress(RangeError):
        assert 0 <= parse_instant(text, "from") <= LATEST_MS


@pytest.mark.parametrize("text", ["2019-06-11T11:00:00.000001Z", "1560250800000.001"])
def test_an_end_between_two_milliseconds_is_kept_and_rounded_up(text: str) -> None:
    assert parse_instant(text, "from") == ELEVEN + 1
    found = parse_range(text, text)
    exact = ELEVEN * 1000 + 1
    assert (found.from_us, found.to_us, found.first_ms) == (exact, exact, ELEVEN)
    assert found.within_us(0, 2 * ELEVEN) == (exact, exact)
    assert parse_range(text, None).within_us(0, ELEVEN) == (exact, (ELEVEN + 1) * 1000)
    assert parse_range(None, text).within_us(ELEVEN + 9, ELEVEN + 9)[0] >= exact


def test_times_before_1970_become_the_earliest_time() -> None:
    assert parse_instant("1066-10-14", "from") == parse_instant("-5", "from") == 0


def test_a_start_after_the_end_is_rejected() -> None:
    with pytest.raises(RangeError) as caught:
        parse_range("5", "4")
    assert caught.value.parameter == "from"


def test_open_ends_are_filled_in_from_the_series() -> None:
    assert parse_range(None, None).within(10, 20) == (10, 21)
    assert TimeRange(from_ms=15).within(10, 20) == (15, 21)
    assert TimeRange(to_ms=15).within(10, 20) == (10, 15)


def test_a_range_outside_the_series_is_empty_not_reversed() -> None:
    assert TimeRange(from_ms=99).within(10, 20) == (99, 99)
    assert TimeRange(to_ms=3).within(10, 20) == (3, 3)
