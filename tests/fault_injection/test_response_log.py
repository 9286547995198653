"""What the fault injection takes for a defect of a response."""

import json

import pytest

from ingest.interrupted_uploads import UploadInterrupted
from tests.fault_injection.response_log import parse_response


@pytest.mark.parametrize(
    ("detail", "is_defect"), [(str(UploadInterrupted(30)), False), ("An error.", True)]
)
def test_an_internal_error_is_a_defect_but_after_a_killed_worker(
    detail: str, is_defect: bool
) -> None:
    problem = {
        "type": "urn:device-endpoint:internal_error",
        "title": "An error",
        "status": 503,
        "detail": detail,
        "request_id": "a",
        "retryable": True,
    }
    headers = {"content-type": "application/problem+json", "retry-after": "30"}
    response = parse_response(503, headers, json.dumps(problem).encode())
    assert bool(response.defect) is is_defect
