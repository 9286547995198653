"""Schemas, errors and parameters of the OpenAPI document."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from analysis.queries.changes import KINDS
from analysis.queries.series import SERIES_NAME
from identities.models import IDENTITY_NAME
from ingest.api import problem_json
from ingest.models import Measurement
from ingest.parsing.column_names import COLUMN_NAME

_INSTANT = (
    "ISO 8601 or integer epoch milliseconds; "
    "default: {}. A time without an offset is UTC. Ranges are `[from, to)`."
)


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "analysis.api.authentication.BearerToken"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "Created in the admin."}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "analysis.api.authentication.AdminSession"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Return the OpenAPI security scheme; the cookie's real name depends on the port."""
        return {"type": "apiKey", "in": "cookie", "name": "session"}


class ProblemBody(serializers.Serializer[Any]):
    """An error, RFC 9457."""

    type = serializers.CharField(help_text="`urn:device-endpoint:CODE`")
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    request_id = serializers.CharField()
    parameter = serializers.CharField(
        required=False, help_text="With `bad_parameter`: the invalid parameter."
    )


class SeriesBody(serializers.Serializer[Any]):
    """A series: all samples of one identity under one name."""

    identity = serializers.CharField()
    name = serializers.CharField()
    count = serializers.IntegerField(help_text="Number of samples.")
    first_ms = serializers.IntegerField(help_text="First sample, epoch milliseconds.")
    last_ms = serializers.IntegerField(help_text="Last sample, epoch milliseconds.")


class SeriesPageBody(serializers.Serializer[Any]):
    """A page of series, in order of identity and name."""

    results = SeriesBody(many=True)
    next = serializers.URLField(allow_null=True, help_text="URL of the next page.")


class SamplesBody(serializers.Serializer[Any]):
    """Samples in JSON."""

    columns = serializers.ListField(
        required=False,
        child=serializers.CharField(),
        help_text="With several columns: `time_ms` and their names.",
    )
    samples = serializers.ListField(
        child=serializers.ListField(
            child=serializers.FloatField(allow_null=True), min_length=2, max_length=64
        ),
        help_text="Pairs of epoch milliseconds and value, ascending. With several columns the time "
        "and a value for each, null where there is none.",
    )


class BucketBody(serializers.Serializer[Any]):
    """One bucket that holds at least one sample."""

    time_ms = serializers.IntegerField(help_text="Start, a multiple of `width_ms`.")
    min = serializers.FloatField()
    max = serializers.FloatField()
    mean = serializers.FloatField()
    count = serializers.IntegerField()


class BucketsBody(serializers.Serializer[Any]):
    """Buckets for a chart."""

    width_ms = serializers.IntegerField(help_text="Width of every bucket, milliseconds.")
    buckets = BucketBody(many=True)
    samples = serializers.ListField(
        required=False,
        child=serializers.ListField(child=serializers.FloatField(), min_length=2, max_length=2),
        help_text="Only if `points` was given and the range holds at most that many samples.",
    )


class KindBody(serializers.Serializer[Any]):
    """The meaning of a measurement name, from its measurement type."""

    # DRF removes declared fields from the class, so `Field.label` is not overridden.
    label = serializers.CharField()  # type: ignore[assignment]
    unit = serializers.CharField(allow_blank=True, help_text="UCUM code.")
    unit_text = serializers.CharField(allow_blank=True, help_text="The unit for display.")
    loinc = serializers.CharField(allow_blank=True)
    plausible_low = serializers.FloatField(allow_null=True)
    plausible_high = serializers.FloatField(allow_null=True)
    expected_interval_ms = serializers.FloatField(allow_null=True)


class SeriesDetailBody(SeriesBody):
    """A series and the meaning of its values."""

    measurement = KindBody()


class CertificateBody(serializers.Serializer[Any]):
    """The certificate with which the file was uploaded."""

    sha256 = serializers.CharField(help_text="64 lower-case hex digits.")


class MeasurementBody(serializers.Serializer[Any]):
    """A measurement file: the receipt that the device received, and the identity."""

    id = serializers.UUIDField()
    identity = serializers.CharField()
    certificate = CertificateBody()
    name = serializers.CharField()
    filename = serializers.CharField(allow_blank=True, help_text="The name that the device sent.")
    content_type = serializers.CharField(allow_blank=True)
    size = serializers.IntegerField(help_text="Size of the stored file in bytes.")
    sha256 = serializers.CharField(help_text="Of the stored file; 64 lower-case hex digits.")
    received_at = serializers.DateTimeField()
    status = serializers.ChoiceField(choices=Measurement.Status.values)
    lines = serializers.IntegerField(help_text="Data lines.")
    samples = serializers.IntegerField(help_text="Values that are not empty.")
    new = serializers.IntegerField()
    identical = serializers.IntegerField()
    replaced = serializers.IntegerField()
    repeated = serializers.IntegerField(
        help_text="Values that are not kept: a later line of the file has their time."
    )
    rounded = serializers.IntegerField(
        required=False, help_text="Values stored as another decimal than the one sent, if any."
    )
    series = serializers.ListField(
        required=False, child=serializers.DictField(), help_text="With several columns: each."
    )
    first_ms = serializers.IntegerField(allow_null=True)
    last_ms = serializers.IntegerField(allow_null=True)
    # DRF removes declared fields from the class, so `Serializer.errors` is not overridden.
    errors = serializers.ListField(  # type: ignore[assignment]
        child=serializers.DictField(),
        help_text="Of a rejected file: up to 20 of `line`, `column`, `got`, `hint`.",
    )


class ChangeBody(serializers.Serializer[Any]):
    """Samples of a series that changed: whatever the kind, read the range again."""

    identity_id = serializers.IntegerField(help_text="The identity's number, which never changes.")
    identity = serializers.CharField(allow_null=True, help_text="Its name; null once erased.")
    name = serializers.CharField(help_text="Name of the series.")
    from_ms = serializers.IntegerField(help_text="Start, epoch milliseconds.")
    to_ms = serializers.IntegerField(help_text="End, exclusive.")
    kind = serializers.ChoiceField(choices=KINDS)
    measurement = serializers.UUIDField(allow_null=True, help_text="The file, if one is the cause.")
    at = serializers.DateTimeField(help_text="When, by the server's clock; not the order.")


class ChangesBody(serializers.Serializer[Any]):
    """A page of the changes feed."""

    results = ChangeBody(many=True)
    next = serializers.URLField(help_text="URL of the changes that follow, also if none do yet.")


IDENTITY = OpenApiParameter(
    "identity",
    {"type": "string", "pattern": f"^{IDENTITY_NAME}$"},
    OpenApiParameter.PATH,
    description="Name of an identity; case is ignored.",
)
NAME = OpenApiParameter(
    "name",
    {"type": "string", "pattern": f"^{SERIES_NAME}$"},
    OpenApiParameter.PATH,
    description="Name of the measurement.",
)
INSTANT_SHAPE = {
    "anyOf": [
        {"type": "integer", "minimum": 0},
        {"type": "string", "format": "date-time"},
        {"type": "string", "format": "date"},
    ]
}
FROM = OpenApiParameter("from", INSTANT_SHAPE, description=_INSTANT.format("the first sample"))
TO = OpenApiParameter("to", INSTANT_SHAPE, description=_INSTANT.format("the last sample"))
SERIES_RANGE = [IDENTITY, NAME, FROM, TO]
COLUMNS = OpenApiParameter(
    "columns",
    {"type": "string", "pattern": rf"^(\*|{COLUMN_NAME}(,{COLUMN_NAME}){{0,62}})$"},
    description="`*` for all columns of the measurement, or names such as `x,y`: the series "
    "`NAME.COLUMN` side by side, a row for each time. Without it, the series of exactly this name, "
    "or all columns if there is none.",
)
STUDY = OpenApiParameter(
    "study",
    str,
    description="Only identities of this study and of its sites; case is ignored. 404 for a study "
    "that does not exist or that the account does not see.",
)
AFTER = OpenApiParameter(
    "after",
    {"type": "string", "pattern": f"^{IDENTITY_NAME}/{SERIES_NAME}$"},
    description="IDENTITY/NAME after which the page starts; `next` contains it.",
)


def whole_number(
    name: str, maximum: int, default: int | None = None, *, description: str
) -> OpenApiParameter:
    """Return a parameter from 1 to ``maximum``."""
    shape = {"type": "integer", "minimum": 1, "maximum": maximum}
    shape |= {} if default is None else {"default": default}
    return OpenApiParameter(name, shape, description=description)


def error_responses(*statuses: int) -> dict[tuple[int, str], Any]:
    """Return the error responses for ``statuses`` and for those that every view can return."""
    meanings = {
        400: "Invalid query parameter; `detail` and `parameter` name it.",
        401: "The token is missing, unknown, expired or revoked.",
        403: "The account has no permission to view this.",
        404: "Not found.",
        410: "The database was restored after the cursor was given; start without `after`.",
        409: "No measurement type gives the code that the format requires.",
        429: "As many exports are being received as run at once; retry after `Retry-After`.",
        503: "The database is unavailable; retry after `Retry-After` seconds.",
    }
    return {
        (status, problem_json.CONTENT_TYPE): OpenApiResponse(ProblemBody, meanings[status])
        for status in sorted({401, 403, 503, *statuses})
    }


SAMPLES_RESPONSES = {
    (200, "text/csv"): OpenApiResponse(
        OpenApiTypes.STR, "Header `time_ms,value`, or `time_ms` and the columns; ascending."
    ),
    (200, "application/vnd.apache.parquet"): OpenApiResponse(
        OpenApiTypes.BINARY,
        "`time_ms int64`, `time timestamp[us, UTC]`, and `value double` or the columns.",
    ),
    (200, "application/json"): OpenApiResponse(SamplesBody, "Pairs of time and value."),
}
CONTENT_RESPONSES = {
    (200, "application/octet-stream"): OpenApiResponse(OpenApiTypes.BINARY, "The stored file."),
}
