"""Times of exports: every notation gives its instant, and what is not certain is an error."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_client.conversion.timestamps import TimeReader, read_zone

INSTANT = 1_560_271_501_250_000  # 2019-06-11T16:45:01.25Z
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    "text",
    [
        "2019-06-11T16:45:01.25Z",
        "2019-06-11 16:45:01.250 UTC",
        "2019/06/11 18:45:01.250+02:00",
        "2019-06-11 18:45:01:250 +0200",
        "2019-06-11T06:45:01,25-10",
        "2019-06-11 18:45:01.250000",
        "2019-06-11 6:45:01.25 PM",
        "1560271501.25",
        "1560271501250",
        "1560271501250.000",
        "1560271501250000",
        "1560271501250000000",
        "1560271501249999900",
    ],
)
def test_every_notation_gives_the_instant(text: str) -> None:
    assert TimeReader(BERLIN).read(text) == INSTANT


@pytest.mark.parametrize(
    ("date_format", "text"),
    [
        ("M/d/yyyy", "6/11/2019 18:45:01.25"),
        ("dd.MM.yyyy", "11.06.2019 18:45:01,25"),
        ("dd/MM/yyyy", "11/06/2019 06:45:01.25 pm"),
    ],
)
def test_a_date_format_gives_the_order(date_format: str, text: str) -> None:
    assert TimeReader(read_zone("+02:00"), date_format).read(text) == INSTANT


@given(st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_iso_times_are_exact_to_the_microsecond(moment: datetime) -> None:
    expected = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert TimeReader().read(moment.isoformat()) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2019-03-31 02:30:00", "does not exist in Europe/Berlin.*--timezone \\+01:00"),
        ("2019-10-27 02:30:00", "occurs twice in Europe/Berlin.*--timezone \\+02:00 or "),
        ("2019-06-31 02:30:00", "day is out of range"),
        ("2019-06-30 02:30:61", "no second 61"),
        ("11.06.2019 18:45:01", "--date-format dd.MM.yyyy"),
        ("1.56028E+12", "a spreadsheet has rounded"),
        ("12:30:00", "is no time: expected"),
        ("156028", "is no time: expected"),
        ("1960-01-01 00:00", "before 1970"),
    ],
)
def test_an_uncertain_time_is_an_error_with_a_remedy(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TimeReader(BERLIN).read(text)


def test_a_time_without_a_zone_needs_one() -> None:
    with pytest.raises(ValueError, match="name the logger's, for example --timezone"):
        TimeReader().read("2019-06-11 18:45:01")
    assert TimeReader(read_zone("+01:00")).read("2019-03-31 02:30:00") == 1_553_995_800_000_000


@pytest.mark.parametrize("text", ["Berlin", "../etc/passwd", "CEST+1", ""])
def test_an_unknown_zone_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="is no time zone: write for example"):
        read_zone(text)


def test_an_incomplete_date_format_is_an_error() -> None:
    with pytest.raises(ValueError, match="is no date format: write for example"):
        TimeReader(UTC, "MM-yyyy")


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["2019-10-27 02:59:", "2019-10-27 03:00:", "2019-10-27T03:00:"]),
            st.sampled_from(["00", "59.5", "07,25", "60", "1", "09+01:00", "30 PM"]),
        )
    )
)
def test_a_line_does_not_depend_on_the_lines_before(found: list[tuple[str, str]]) -> None:
    def read(reader: TimeReader, text: str) -> int | str:
        try:
            return reader.read(text)
        except ValueError as error:
            return str(error)

    reader = TimeReader(BERLIN)
    for minute, second in found:
        assert read(reader, minute + second) == read(TimeReader(BERLIN), minute + second)
