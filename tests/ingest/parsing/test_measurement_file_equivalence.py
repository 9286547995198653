"""The two readers of measurement files agree with the grammar on every input."""

import math
import re
from decimal import Decimal
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.parsing import measurement_file, measurement_file_scan
from ingest.parsing.measurement_file import read_measurement_file
from ingest.parsing.measurement_file_lines import UnreadableContent
from ingest.parsing.samples import FileLimits, FileSamples, TimeWindow
from tests.support.examples import bounded

WINDOW = TimeWindow(946_684_800_000, 1_900_000_000_000)
LIMITS = FileLimits(1000, 100_000)
TIME = re.compile(r"([0-9]{1,16})(?:\.([0-9]{1,3}))?", re.ASCII)
VALUE = re.compile(r"[+-]?[0-9]{1,20}(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?", re.ASCII)

values = st.one_of(
    st.from_regex(r"\A[+-]?[0-9]{1,21}(\.[0-9]{0,21})?([eE][+-]?[0-9]{0,4})?\Z", fullmatch=True),
    st.decimals(-1000, 1000, places=3).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.sampled_from(["", "", "nan", ".5", "5.", "0x1", " 1", "+1", "-0", "1e999", "1e-400"]),
    st.sampled_from(["9007199254740993", "12345678901234567890", "007"]),
)
times = st.one_of(
    st.integers(1_500_000_000_000, 1_500_000_000_020).map(str),
    st.builds(
        "{}.{}".format,
        st.integers(1_500_000_000_000, 1_500_000_000_005),
        st.sampled_from(["0", "5", "25", "125", "1250", ""]),
    ),
    st.integers(946_684_790_000, 946_684_810_000).map(str),
    st.integers(0, 10**17).map(str),
)


def lines(columns: int) -> st.SearchStrategy[str]:
    cells = st.lists(values, min_size=columns, max_size=columns)
    return st.builds(lambda time, row: ",".join([time, *row]), times, cells)


def similar_lines(columns: int) -> st.SearchStrategy[list[tuple[str, str]]]:
    other = st.text(alphabet="0123456789,.-\r eE+\xff\x00", max_size=8)
    line = st.one_of(lines(columns), lines(columns), lines(columns), lines(1), other)
    return st.lists(
        st.tuples(line, st.sampled_from(["\n", "\n", "\r\n", "\r", "\n\n"])), max_size=6
    )


plain_lines = st.lists(
    st.tuples(
        st.builds(
            "{},{}".format,
            st.integers(1_500_000_000_000, 1_500_000_000_020),
            st.decimals(-1000, 1000, places=3),
        ),
        st.sampled_from(["\n", "\r\n"]),
    ),
    max_size=8,
)
headers = st.sampled_from(
    ["", "", "", "time,x\n", "time,x,y\r\n", "t,x,y,z\n", "note\n", '"q",1\n', "a" * 65 + ",b\n"]
)
files = st.builds(
    lambda mark, header, rows, tail: (
        mark + header + "".join(line + end for line, end in rows) + tail
    ).encode("latin-1"),
    st.sampled_from(["", "", "\xef\xbb\xbf"]),
    headers,
    st.one_of(similar_lines(1), similar_lines(2), similar_lines(3), plain_lines),
    st.sampled_from(["", "\n", "\r\n\n", "1500000000000,3", "\r", "\n\r", "\x00\x00", "\xff"]),
)

Content = tuple[tuple[str, ...] | None, int, int, list[tuple[list[tuple[int, float]], int]]]


def read_by_the_grammar(content: bytes) -> Content | None:
    """Return header, lines, rounded values and (samples, repeated) by column; None: refused."""
    rows = split_lines(content.removeprefix(b"\xef\xbb\xbf").decode("latin-1"))
    header = None
    if rows and rows[0][:1].isascii() and rows[0][:1].isalpha():
        first = rows.pop(0)
        header = tuple(first.split(","))
        if any(mark in first for mark in "\"'\r") or any(len(name) > 64 for name in header):
            return None
    expected = len(header) if header else None
    columns: list[list[tuple[int, float]]] = []
    rounded = 0
    for row in rows:
        fields = row.split(",")
        expected = expected or len(fields)
        time = TIME.fullmatch(fields[0])
        if len(fields) != expected or not 2 <= expected <= 64 or not time or not any(fields[1:]):
            return None
        if not WINDOW.holds(int(time[1])):
            return None
        columns = columns or [[] for _ in fields[1:]]
        time_us = int(time[1]) * 1000 + int((time[2] or "").ljust(3, "0"))
        for column, text in zip(columns, fields[1:], strict=True):
            if not text:
                continue
            if not VALUE.fullmatch(text) or math.isinf(float(text)):
                return None
            column.append((time_us, float(text)))
            rounded += Decimal(repr(float(text))) != Decimal(text)
    if not columns:
        return None
    kept = [(sorted(dict(pairs).items()), len(pairs) - len(dict(pairs))) for pairs in columns]
    return header, len(rows), rounded, kept


def split_lines(text: str) -> list[str]:
    rows = [row.removesuffix("\r") for row in text.split("\n")]
    if text.endswith("\r") or not text.endswith("\n"):
        rows[-1] = text.rsplit("\n", maxsplit=1)[
            -1
        ]  # no line feed, so a carriage return is not its end
    while rows and rows[-1] == "":
        rows.pop()
    return rows


def as_content(file: FileSamples) -> Content:
    columns = [
        (list(zip(column.times.tolist(), column.values.tolist(), strict=True)), column.repeated)
        for column in file.columns
    ]
    return file.header, file.lines, file.rounded, columns


@pytest.mark.parametrize("small_bytes", [6_000, 0], ids=["small", "large"])
@settings(max_examples=bounded(500))
@given(content=files)
def test_a_file_is_read_by_the_grammar_or_refused(small_bytes: int, content: bytes) -> None:
    wanted = read_by_the_grammar(content)
    with mock.patch.object(measurement_file, "_SMALL_BYTES", small_bytes):
        try:
            file = read_measurement_file(content, WINDOW, LIMITS)
        except UnreadableContent as refusal:
            assert wanted is None
            assert 1 <= len(refusal.errors) <= 20
            for error in refusal.errors:
                assert len(error.got) <= 40
                assert error.got.isprintable()
                assert min(error.line, error.column) >= 1
        else:
            assert wanted is not None
            assert repr(as_content(file)) == repr(wanted)  # tells 0.0 from -0.0


@settings(max_examples=bounded(400))
@given(files, st.integers(1, 40))
def test_the_size_of_a_chunk_does_not_change_a_scan(content: bytes, chunk: int) -> None:
    data = content.rstrip(b"\r\n")
    whole = measurement_file_scan.scan(data)
    with mock.patch.object(measurement_file_scan, "_CHUNK_BYTES", chunk):
        assert measurement_file_scan.scan(data) == whole


@settings(max_examples=bounded(400))
@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_read_or_refused_without_crash(content: bytes) -> None:
    try:
        read_measurement_file(content, WINDOW, LIMITS)
    except UnreadableContent as refusal:
        assert refusal.errors
