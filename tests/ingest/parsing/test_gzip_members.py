"""Gzip members are inflated strictly and in linear work."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.parsing import gzip_members
from ingest.parsing.gzip_members import DamagedGzip, InflatedTooLarge, inflate

EMPTY = gzip.compress(b"", mtime=0)
LIMIT = 1 << 20


@dataclass
class Work:
    """What zlib was asked for: calls, and bytes copied back as unused."""

    calls: int = 0
    copied: int = 0


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    """Count the work of zlib in the module under test."""
    counted, make = Work(), zlib.decompressobj

    class Counting:
        def __init__(self, window_bits: int) -> None:
            self.real = make(window_bits)

        def decompress(self, data: bytes, max_length: int) -> bytes:
            counted.calls += 1
            part = self.real.decompress(data, max_length)
            counted.copied += len(self.real.unused_data) + len(self.real.unconsumed_tail)
            return part

        @property
        def eof(self) -> bool:
            return self.real.eof

        @property
        def unused_data(self) -> bytes:
            return self.real.unused_data

    monkeypatch.setattr(zlib, "decompressobj", Counting)
    return counted


@pytest.mark.parametrize("size", [1 << 16, 1 << 20])
@pytest.mark.parametrize(
    "member", [EMPTY, gzip.compress(b"1", mtime=0), gzip.compress(bytes(9000), mtime=0)]
)
def test_many_members_cost_linear_work(work: Work, member: bytes, size: int) -> None:
    count = size // len(member)
    inflate(member * count, 1 << 30)
    assert work.calls <= 2 * count
    assert work.copied <= gzip_members.MAX_PIECE_BYTES + 16 * size


def test_one_large_member_is_fed_in_pieces(work: Work) -> None:
    content = bytes(range(256)) * 40_000
    body = zlib.compress(content, 0, wbits=31)
    assert inflate(body, len(content)) == content
    assert work.calls <= 1 + len(body) // gzip_members.MAX_PIECE_BYTES
    assert work.copied == 0


@given(st.lists(st.binary(max_size=2000), min_size=1, max_size=20))
def test_members_are_joined(contents: list[bytes]) -> None:
    body = b"".join(gzip.compress(content, 1) for content in contents)
    assert inflate(body, 50_000) == b"".join(contents)


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=3), st.data())
def test_a_cut_member_is_damage(contents: list[bytes], data: st.DataObject) -> None:
    members = [gzip.compress(content) for content in contents]
    ends = {sum(map(len, members[:count])) for count in range(len(members) + 1)}
    body = b"".join(members)
    cut = data.draw(st.integers(1, len(body) - 1).filter(lambda at: at not in ends))
    with pytest.raises(DamagedGzip, match="ends early"):
        inflate(body[:cut], LIMIT)


@pytest.mark.parametrize("after", [b"\0", b"\0" * 512, b"x", b"\x1f", zlib.compress(b"1")])
def test_bytes_behind_the_last_member_are_damage(after: bytes) -> None:
    with pytest.raises(DamagedGzip):
        inflate(EMPTY * 3 + after, LIMIT)


def test_the_limit_is_exact_over_all_members() -> None:
    body = gzip.compress(bytes(600)) + gzip.compress(bytes(400))
    assert len(inflate(body, 1000)) == 1000
    with pytest.raises(InflatedTooLarge):
        inflate(body, 999)


def test_nothing_is_inflated_to_nothing() -> None:
    assert inflate(b"", LIMIT) == b""
    assert inflate(EMPTY * 1000, LIMIT) == b""
