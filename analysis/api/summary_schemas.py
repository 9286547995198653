"""OpenAPI schemas of what a time range holds: its statistics, and the values that are not kept."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class RepeatedTimeBody(serializers.Serializer[Any]):
    """A time at which a file has several values."""

    time_ms = serializers.FloatField(help_text="Epoch milliseconds.")
    values = serializers.ListField(
        child=serializers.FloatField(), help_text="The values that are not kept."
    )


class NotKeptBody(serializers.Serializer[Any]):
    """Values that are not kept as they were sent."""

    files = serializers.IntegerField(help_text="Files with samples in the range and such values.")
    repeated = serializers.IntegerField(
        help_text="Values of these files whose time stands on a later line too."
    )
    rounded = serializers.IntegerField(
        help_text="Values of these files that are stored as another decimal."
    )
    is_complete = serializers.BooleanField(
        help_text="False: `times` lacks some, because too many files have repeated times."
    )
    times = RepeatedTimeBody(many=True)


class GapBody(serializers.Serializer[Any]):
    """A time between two successive samples that is longer than the gap threshold."""

    from_ms = serializers.IntegerField()
    to_ms = serializers.IntegerField()
    length_ms = serializers.IntegerField()


class ImplausibleBody(serializers.Serializer[Any]):
    """Samples outside the plausible range of their measurement type."""

    below = serializers.IntegerField()
    above = serializers.IntegerField()
    is_exact = serializers.BooleanField(
        help_text="False: extrapolated from samples spread over the range."
    )


class SummaryBody(serializers.Serializer[Any]):
    """Summary statistics of a time range; null for undefined statistics."""

    from_ms = serializers.IntegerField()
    to_ms = serializers.IntegerField()
    count = serializers.IntegerField(help_text="Number of samples, always exact.")
    is_exact = serializers.BooleanField(
        help_text="False: summaries of hours were merged. `interval_ms` is then the median of the "
        "hours' medians, and `percentile_error` bounds the percentiles. All else is exact."
    )
    opened = serializers.IntegerField(help_text="Number of samples that were read.")
    first_ms = serializers.IntegerField(allow_null=True)
    last_ms = serializers.IntegerField(allow_null=True)
    min = serializers.FloatField(source="minimum", allow_null=True)
    p5 = serializers.FloatField(allow_null=True, help_text="Percentiles are nearest rank.")
    median = serializers.FloatField(allow_null=True)
    mean = serializers.FloatField(allow_null=True)
    sd = serializers.FloatField(
        allow_null=True, help_text="Standard deviation (n - 1); null for a single sample."
    )
    p95 = serializers.FloatField(allow_null=True)
    max = serializers.FloatField(source="maximum", allow_null=True)
    percentile_error = serializers.FloatField(
        help_text="A percentile differs from the true one by at most this fraction of it, 0 or "
        "1/256: 0 if all samples were read or all values are whole numbers up to 256."
    )
    interval_ms = serializers.FloatField(
        allow_null=True,
        help_text="Time between samples: the type's expected interval or else the median.",
    )
    coverage = serializers.FloatField(
        allow_null=True,
        help_text="0 to 1: the fraction of the range that `count` samples of `interval_ms` cover.",
    )
    gap_threshold_ms = serializers.FloatField(help_text="A longer time without a sample is a gap.")
    longest_gap = GapBody(source="gap", allow_null=True)
    implausible = ImplausibleBody(
        allow_null=True, help_text="Null if the type has no plausible range."
    )
    bytes = serializers.DictField(
        child=serializers.IntegerField(), help_text="Estimated size of each export format."
    )
