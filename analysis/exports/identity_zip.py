"""The content of an identity as a zip whose size is announced before its first byte."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.exports.content_index import ContentIndex, describe_file
from analysis.exports.size_estimates import ZIPPED_DICTIONARY_BYTES, estimate_export_bytes
from analysis.exports.streaming import (
    DESCRIPTOR_BYTES,
    END_BYTES,
    Member,
    measure_member,
    stream_zip,
)
from analysis.exports.study_content import (
    Choice,
    IdentityContent,
    record_members,
)
from analysis.queries.samples import estimate_count, read_samples
from analysis.queries.series import Series
from analysis.queries.statistics import SampleColumns
from identities.models import Identity
from identities.visibility import Scope
from ingest.time_range import TimeRange

# Series of which samples are encoded for the estimate of the size.
MAX_SERIES_ENCODED = 8
# A data dictionary, deflated.
DICTIONARY_MEMBER_BYTES = 560
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
            self.size += _estimate_samples(self._content, choice)

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
        """Return the bytes of what has a known size: all but samples and their dictionaries."""
        content = self._content
        size, listed = 0, content.index.size + len(ContentIndex.END)
        known = [*content.annotations.members(content.folder)]
        if choice.with_originals:
            for name, file_size, sha256 in content.list_originals():
                size += measure_member(name, file_size)
                listed += len(ContentIndex.encode(describe_file(name, file_size, sha256)))
            known.append(content.receipts_member())
        for member in known:
            size += measure_member(member.name, member.size or 0)
            entry = describe_file(member.name, member.size or 0, _SHA256)
            listed += len(ContentIndex.encode(entry))
        return size + measure_member(content.index.member(content.folder).name, listed)


def _estimate_samples(content: IdentityContent, choice: Choice) -> int:
    """Return the estimated bytes of the samples, their data dictionaries and entries of the index.

    The largest series are encoded in part; the others are estimated at the average bytes per
    sample of these.
    """
    counts = [(series, _count(series, choice.wanted)) for series in content.series]
    counts.sort(key=lambda counted: -counted[1])
    size = known_bytes = known_samples = empty = 0
    for series, count in counts[:MAX_SERIES_ENCODED]:
        part = next(read_samples(series, choice.wanted), None)
        if part is not None:
            empty = _estimate_file(part, 0, choice.format)
            whole = _estimate_file(part, count, choice.format)
            known_bytes, known_samples = known_bytes + whole - empty, known_samples + count
            size += whole
    others = counts[MAX_SERIES_ENCODED:]
    per_sample = known_bytes / known_samples if known_samples else 0
    size += round(per_sample * sum(count for _, count in others)) + empty * len(others)
    return size + sum(_estimate_frame(content, series, choice) for series, _ in counts)


def _estimate_file(part: SampleColumns, count: int, format_name: str) -> int:
    """Return the estimated bytes of ``count`` samples as a member of a zip."""
    sizes = estimate_export_bytes(part, count)
    if format_name == "parquet":
        return sizes["parquet"]
    return sizes["zip_csv"] - ZIPPED_DICTIONARY_BYTES


def _estimate_frame(content: IdentityContent, series: Series, choice: Choice) -> int:
    """Return the bytes that a series takes beside its samples: headers, dictionary, index."""
    stem = f"{content.folder}/samples/{series.name}"
    size = DICTIONARY_MEMBER_BYTES
    for name in (f"{stem}.{choice.format}", f"{stem}.json"):
        entry = ContentIndex.encode(describe_file(name, 10**6, _SHA256))
        size += measure_member(name, 0) + DESCRIPTOR_BYTES + len(entry)
    return size


def _count(series: Series, wanted: TimeRange) -> int:
    return series.count if wanted == TimeRange() else estimate_count(series, wanted)
