"""The fast and the slow reader of measurement files agree with the grammar on every input."""

import re
from unittest import mock

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.parsing import sample_file, sample_file_scan
from ingest.parsing.sample_file import (
    Samples,
    TimeWindow,
    UnreadableContent,
    read_samples,
)

WINDOW = TimeWindow(946_684_800_000, 1_900_000_000_000)
LINE = re.compile(r"[0-9]{1,16},-?[0-9]{1,20}(\.[0-9]{1,20})?", re.ASCII)

times = st.one_of(
    st.integers(946_684_790_000, 946_684_810_000),
    st.integers(1_899_999_990_000, 1_900_000_010_000),
    st.integers(0, 10**17),
)
numbers = st.one_of(
    st.from_regex(r"\A-?[0-9]{1,21}(\.[0-9]{0,21})?\Z", fullmatch=True),
    st.decimals(-1000, 1000, places=3).map(str),
    st.sampled_from(["nan", "inf", "-", ".5", "5.", "1e5", "0x1", "1_0", " 1", "+1", "-0", "007"]),
)
good_lines = st.builds("{},{}".format, st.integers(1_500_000_000_000, 1_500_000_000_020), numbers)
any_lines = st.one_of(
    good_lines,
    st.builds("{},{}".format, times, numbers),
    st.builds("0{},{}".format, times, numbers),
    st.text(alphabet="0123456789,.-\r \x0b\x85\ufeff٣", max_size=8),
    st.sampled_from(["", "1500000000000,1,2", "1500000000000;1", "time,value"]),
)
ends = st.sampled_from(["\n", "\n", "\r\n", "\r", "\n\n", "\r\r\n"])
files = st.builds(
    lambda bom, lines, tail: (bom + "".join(a + b for a, b in lines) + tail).encode(),
    st.sampled_from(["", "", "\ufeff"]),
    st.lists(st.tuples(st.one_of(good_lines, any_lines), ends), max_size=12),
    st.sampled_from(["", "\n", "\r\n\n", "1500000000000,3", "\r", "\n\r"]),
)


def expected(content: bytes) -> list[tuple[int, float]] | None:
    """Read by the letter of the contract: the data lines in order, or None if one is no sample."""
    text = content.removeprefix(b"\xef\xbb\xbf").decode()
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    if text.endswith("\r") or not text.endswith("\n"):
        lines[-1] = text.split("\n")[-1]  # no line feed, so a carriage return is not its end
    while lines and lines[-1] == "":
        lines.pop()
    found = []
    for line in lines:
        if LINE.fullmatch(line) is None:
            return None
        time, value = line.split(",")
        if not WINDOW.contains(int(time)):
            return None
        found.append((int(time), float(value)))
    return found or None


def as_pairs(samples: Samples) -> list[tuple[int, float]]:
    return list(zip(samples.times.tolist(), samples.values.tolist(), strict=True))


@settings(max_examples=800)
@given(files)
def test_a_file_is_read_as_a_dictionary_of_its_lines_or_refused(content: bytes) -> None:
    wanted = expected(content)
    try:
        samples = read_samples(content, WINDOW, 1000)
    except UnreadableContent as refusal:
        assert wanted is None
        assert 1 <= len(refusal.errors) <= 20
        assert all(len(error.got) <= 40 and error.got.isprintable() for error in refusal.errors)
    else:
        assert wanted is not None
        assert as_pairs(samples) == sorted(dict(wanted).items())
        assert samples.lines == len(wanted)
        repeated = samples.repeated_identical + samples.repeated_replaced
        assert len(samples.times) + repeated == samples.lines
        first = dict(reversed(wanted))
        assert samples.first_values.tolist() == [first[time] for time in samples.times.tolist()]


@settings(max_examples=600)
@given(files)
def test_small_and_large_files_are_converted_alike(content: bytes) -> None:
    text = content.removeprefix(b"\xef\xbb\xbf")
    data = text[: sample_file._find_end_of_data(text)]
    if not sample_file._is_all_samples_small(data):
        return
    small, large = sample_file._convert_small(data), sample_file._convert_large(data)
    if small is None:  # leading zeros: left to the slow reader
        assert re.search(rb"(^|[\n,-])0[0-9]", text)
        return
    for one, other in zip(small, large, strict=True):
        assert one.dtype == other.dtype
        assert np.array_equal(one, other)


@settings(max_examples=800)
@given(files, st.integers(1, 40))
def test_small_and_large_files_are_checked_alike(content: bytes, chunk: int) -> None:
    text = content.removeprefix(b"\xef\xbb\xbf")
    data = text[: sample_file._find_end_of_data(text)]
    with mock.patch.object(sample_file_scan, "_CHUNK_BYTES", chunk):
        assert sample_file_scan.is_all_samples(data) == sample_file._is_all_samples_small(data)


@settings(max_examples=800)
@given(st.text(alphabet="0123456789,,..--\n\n\r:/", max_size=60))
def test_any_few_characters_are_checked_alike(text: str) -> None:
    data = text.encode().rstrip(b"\n")
    assert sample_file_scan.is_all_samples(data) == sample_file._is_all_samples_small(data)


@settings(max_examples=600)
@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_read_or_refused_without_crash(content: bytes) -> None:
    try:
        read_samples(content, WINDOW, 1000)
    except UnreadableContent as refusal:
        assert refusal.errors
