"""The content of an identity as a zip whose size is announced before its first byte."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from analysis.exports.content_index import ContentIndex, describe_file
from analysis.exports.size_estimates import estimate_export_bytes
from analysis.exports.streaming import END_BYTES, Member, measure_member, stream_zip
from analysis.exports.study_content import (
    Choice,
    IdentityContent,
    record_members,
)
from analysis.queries.samples import read_samples
from analysis.queries.series import Series
from identities.models import Identity
from identities.visibility import Scope
from ingest.time_range import TimeRange

# Series of which samples are encoded for the estimate of the size.
MAX_SERIES_SAMPLED = 5
_SHA256 = "0" * 64


class IdentityZip:
    """A zip of an identity, in chunks; iterate over it once, and ``close`` it.

    ``size`` is exact without samples, whose encoded size is not known before: then it is an
    estimate. Where a file is left out, because it is damaged or was erased meanwhile, white space
    at the end of the index takes its place.
    """

    def __init__(self, identity: Identity, choice: Choice, scope: Scope) -> None:
        self._content = IdentityContent(identity, choice, scope)
        self.is_exact = not choice.with_samples
        self.size = END_BYTES + self._measure_files(choice)
        if choice.with_samples:
            self.size += _estimate_samples(self._content.series, choice)

    def close(self) -> None:
        self._content.close()

    def __iter__(self) -> Iterator[bytes]:
        return stream_zip(self._make_members())

    def _make_members(self) -> Iterator[Member]:
        content, written = self._content, END_BYTES
        for member in record_members(content):
            written += measure_member(member.name, member.size or 0)
            yield member
        if self.is_exact:
            name = content.index.member(content.folder).name
            content.index.pad(self.size - written - measure_member(name, 0))
        yield content.index.member(content.folder)

    def _measure_files(self, choice: Choice) -> int:
        """Return the bytes of the index and, if they are chosen, of originals and receipts."""
        content = self._content
        size, listed = 0, content.index.size + len(ContentIndex.END)
        if choice.with_originals:
            for name, file_size, sha256 in content.list_originals():
                size += measure_member(name, file_size)
                listed += len(ContentIndex.encode(describe_file(name, file_size, sha256)))
            receipts = content.receipts_member()
            size += measure_member(receipts.name, receipts.size or 0)
            entry = describe_file(receipts.name, receipts.size or 0, _SHA256)
            listed += len(ContentIndex.encode(entry))
        return size + measure_member(content.index.member(content.folder).name, listed)


def _estimate_samples(series_list: list[Series], choice: Choice) -> int:
    """Return the estimated bytes of the samples with their data dictionaries."""
    key = f"zip_{choice.format}"
    sampled = sample_bytes = file_bytes = 0
    total = sum(_count_samples(series, choice.wanted) for series in series_list)
    for series in itertools.islice(series_list, MAX_SERIES_SAMPLED):
        part = next(read_samples(series, choice.wanted), None)
        if part is not None:
            empty = estimate_export_bytes(part, 0)[key]
            file_bytes = max(file_bytes, empty)
            sample_bytes += estimate_export_bytes(part, len(part))[key] - empty
            sampled += len(part)
    per_sample = sample_bytes / sampled if sampled else 0
    return round(per_sample * total) + file_bytes * len(series_list)


def _count_samples(series: Series, wanted: TimeRange) -> int:
    """Return about how many samples of ``series`` are in ``wanted``."""
    start, end = wanted.within(series.first_ms, series.last_ms)
    span = series.last_ms - series.first_ms + 1
    return round(series.count * max(0, end - start) / span)
