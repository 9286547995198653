"""What the OpenAPI document says beyond the code: shapes of answers, errors, parameters."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from analysis.queries.series import SERIES_NAME
from identities.models import IDENTITY_NAME
from ingest.api import problem_json
from ingest.models import Measurement

_INSTANT = (
    "ISO 8601 or integer epoch milliseconds; "
    "left out: {}. A time without an offset is UTC. Ranges are `[from, to)`."
)


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Describes ``BearerToken``."""

    target_class = "analysis.api.authentication.BearerToken"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Return the OpenAPI security scheme."""
        return {"type": "http", "scheme": "bearer", "description": "Made in the admin."}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Describes ``AdminSession``."""

    target_class = "analysis.api.authentication.AdminSession"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Return the OpenAPI security scheme; the cookie's name carries the port."""
        return {"type": "apiKey", "in": "cookie", "name": "session"}


class ProblemBody(serializers.Serializer[Any]):
    """An error, RFC 9457."""

    type = serializers.CharField(help_text="`urn:device-endpoint:CODE`")
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    request_id = serializers.CharField()
    parameter = serializers.CharField(
        required=False, help_text="With `bad_parameter`: which one it is."
    )


class SeriesBody(serializers.Serializer[Any]):
    """A series: all samples of one identity under one name."""

    identity = serializers.CharField()
    name = serializers.CharField()
    count = serializers.IntegerField(help_text="Samples.")
    first_ms = serializers.IntegerField(help_text="First sample, epoch milliseconds.")
    last_ms = serializers.IntegerField(help_text="Last sample, epoch milliseconds.")


class SeriesPageBody(serializers.Serializer[Any]):
    """A page of series, in order of identity and name."""

    results = SeriesBody(many=True)
    next = serializers.URLField(allow_null=True, help_text="Address of the next page.")


class SamplesBody(serializers.Serializer[Any]):
    """Samples in JSON."""

    samples = serializers.ListField(
        child=serializers.ListField(child=serializers.FloatField(), min_length=2, max_length=2),
        help_text="Pairs of epoch milliseconds and value, ascending.",
    )


class BucketBody(serializers.Serializer[Any]):
    """One bucket that holds at least one sample."""

    time_ms = serializers.IntegerField(help_text="Start, a multiple of `width_ms`.")
    min = serializers.FloatField()
    max = serializers.FloatField()
    mean = serializers.FloatField()
    count = serializers.IntegerField()


class BucketsBody(serializers.Serializer[Any]):
    """What a chart is drawn from."""

    width_ms = serializers.IntegerField(help_text="Width of every bucket, milliseconds.")
    buckets = BucketBody(many=True)
    samples = serializers.ListField(
        required=False,
        child=serializers.ListField(child=serializers.FloatField(), min_length=2, max_length=2),
        help_text="Only where `points` was given and no more samples than that are in the range.",
    )


class KindBody(serializers.Serializer[Any]):
    """What a measurement's name means, from the measurement types of the admin."""

    # DRF takes declared fields off the class: `Field.label` stays what it was.
    label = serializers.CharField()  # type: ignore[assignment]
    unit = serializers.CharField(allow_blank=True, help_text="UCUM code.")
    unit_text = serializers.CharField(allow_blank=True, help_text="As people write it.")
    loinc = serializers.CharField(allow_blank=True)
    plausible_low = serializers.FloatField(allow_null=True)
    plausible_high = serializers.FloatField(allow_null=True)
    expected_interval_ms = serializers.FloatField(allow_null=True)


class SeriesDetailBody(SeriesBody):
    """A series, and what its values are."""

    measurement = KindBody()


class GapBody(serializers.Serializer[Any]):
    """A time without samples, between two that came."""

    from_ms = serializers.IntegerField()
    to_ms = serializers.IntegerField()
    length_ms = serializers.IntegerField()


class ImplausibleBody(serializers.Serializer[Any]):
    """Samples outside the plausible range of their measurement type."""

    below = serializers.IntegerField()
    above = serializers.IntegerField()
    is_exact = serializers.BooleanField(
        help_text="False: counted in a part of the samples, spread over the range."
    )


class SummaryBody(serializers.Serializer[Any]):
    """A range in a few numbers; null where there is no such number."""

    from_ms = serializers.IntegerField()
    to_ms = serializers.IntegerField()
    count = serializers.IntegerField(help_text="Samples, exactly.")
    is_exact = serializers.BooleanField(
        help_text="False: `p5`, `median`, `p95`, `interval_ms` and `longest_gap` come from "
        "`opened` samples spread over the range; the true longest gap may be longer."
    )
    opened = serializers.IntegerField(help_text="Samples that were looked at one by one.")
    first_ms = serializers.IntegerField(allow_null=True)
    last_ms = serializers.IntegerField(allow_null=True)
    min = serializers.FloatField(allow_null=True)
    p5 = serializers.FloatField(allow_null=True)
    median = serializers.FloatField(allow_null=True)
    mean = serializers.FloatField(allow_null=True)
    p95 = serializers.FloatField(allow_null=True)
    max = serializers.FloatField(allow_null=True)
    interval_ms = serializers.FloatField(
        allow_null=True, help_text="Between samples: as expected of the type, else the median."
    )
    coverage = serializers.FloatField(
        allow_null=True,
        help_text="0 to 1: the part of the range that `count` samples at `interval_ms` stand for.",
    )
    gap_threshold_ms = serializers.FloatField(help_text="Longer than this is a gap.")
    longest_gap = GapBody(allow_null=True)
    implausible = ImplausibleBody(
        allow_null=True, help_text="Null where the type has no plausible range."
    )
    bytes = serializers.DictField(
        child=serializers.IntegerField(), help_text="About how large each format becomes."
    )


class CertificateBody(serializers.Serializer[Any]):
    """The certificate that an upload came with."""

    sha256 = serializers.CharField(help_text="64 lower-case hex digits.")


class MeasurementBody(serializers.Serializer[Any]):
    """One uploaded file: the receipt that its device was given, and whose it is."""

    id = serializers.UUIDField()
    identity = serializers.CharField()
    certificate = CertificateBody()
    name = serializers.CharField()
    filename = serializers.CharField(allow_blank=True, help_text="As the device called it.")
    content_type = serializers.CharField(allow_blank=True)
    size = serializers.IntegerField(help_text="Bytes of the original.")
    sha256 = serializers.CharField(help_text="Of the original; 64 lower-case hex digits.")
    received_at = serializers.DateTimeField()
    status = serializers.ChoiceField(choices=Measurement.Status.values)
    samples = serializers.IntegerField()
    new = serializers.IntegerField()
    identical = serializers.IntegerField()
    replaced = serializers.IntegerField()
    first_ms = serializers.IntegerField(allow_null=True)
    last_ms = serializers.IntegerField(allow_null=True)
    # DRF takes declared fields off the class: `Serializer.errors` stays what it was.
    errors = serializers.ListField(  # type: ignore[assignment]
        child=serializers.DictField(),
        help_text="Of a rejected file: up to 20 of `line`, `column`, `got`, `hint`.",
    )


IDENTITY = OpenApiParameter(
    "identity",
    {"type": "string", "pattern": f"^{IDENTITY_NAME}$"},
    OpenApiParameter.PATH,
    description="Name of an identity; upper and lower case alike.",
)
NAME = OpenApiParameter(
    "name",
    {"type": "string", "pattern": f"^{SERIES_NAME}$"},
    OpenApiParameter.PATH,
    description="Name of the measurement.",
)
_INSTANT_SHAPE = {
    "anyOf": [
        {"type": "integer", "minimum": 0},
        {"type": "string", "format": "date-time"},
        {"type": "string", "format": "date"},
    ]
}
FROM = OpenApiParameter("from", _INSTANT_SHAPE, description=_INSTANT.format("the first sample"))
TO = OpenApiParameter("to", _INSTANT_SHAPE, description=_INSTANT.format("the last sample"))
AFTER = OpenApiParameter(
    "after",
    {"type": "string", "pattern": f"^{IDENTITY_NAME}/{SERIES_NAME}$"},
    description="IDENTITY/NAME that the page follows; `next` holds it.",
)


def error_responses(*statuses: int) -> dict[tuple[int, str], Any]:
    """Return the answers for ``statuses``, with those that every view can give."""
    meanings = {
        400: "A parameter cannot be used; `detail` and `parameter` name it.",
        401: "No token, or one that does not open anything any more.",
        403: "The account may not view this.",
        404: "There is no such thing.",
        409: "No measurement type says what the values are.",
        503: "The database does not answer; try again after `Retry-After` seconds.",
    }
    return {
        (status, problem_json.CONTENT_TYPE): OpenApiResponse(ProblemBody, meanings[status])
        for status in sorted({401, 403, 503, *statuses})
    }


SAMPLES_ANSWERS = {
    (200, "text/csv"): OpenApiResponse(OpenApiTypes.STR, "Header `time_ms,value`; ascending."),
    (200, "application/vnd.apache.parquet"): OpenApiResponse(
        OpenApiTypes.BINARY, "`time_ms int64`, `value double`."
    ),
    (200, "application/json"): OpenApiResponse(SamplesBody, "Pairs of time and value."),
}
CONTENT_ANSWERS = {
    (200, "application/octet-stream"): OpenApiResponse(OpenApiTypes.BINARY, "The original."),
}
