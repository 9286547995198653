"""A measurement type may refuse files with repeated times; the errors name the lines."""

from __future__ import annotations

import pytest

from ingest.models import Measurement, MeasurementType
from ingest.parsing.repeated_times import explain_repeated_times
from ingest.receipts import Receipt
from tests.ingest.maintenance.factories import MORNING, make_certificate, make_identity, send

pytestmark = pytest.mark.usefixtures("live_db")


def upload(content: str, *, is_refused: bool = True) -> Receipt:
    name = make_identity("type").name
    MeasurementType.objects.create(pattern=name, label="x", refuse_repeated_times=is_refused)
    return send(make_certificate(make_identity()), content.encode(), name)


def test_a_type_refuses_repeated_times() -> None:
    receipt = upload(f"{MORNING},1\n{MORNING + 1},2\n{MORNING},3\n")
    assert (receipt.status, receipt.samples) == ("rejected", 0)
    (error,) = receipt.errors or []
    assert (error["line"], error["column"], error["field"]) == (3, 1, 1)
    assert error["got"] == f"{MORNING},3"
    assert f"{MORNING} stands on line 1 too" in error["hint"]
    assert Measurement.objects.get(pk=receipt.id).status == "rejected"


def test_other_types_keep_the_last_value() -> None:
    receipt = upload(f"{MORNING},1\n{MORNING},3\n", is_refused=False)
    assert (receipt.status, receipt.repeated, receipt.new) == ("stored", 1, 1)


def test_a_file_without_repeated_times_is_stored() -> None:
    assert upload(f"{MORNING},1\n{MORNING}.5,3\n").status == "stored"


def test_the_first_twenty_lines_are_listed() -> None:
    lines = "".join(f"{MORNING + i},{i}\r\n" for i in range(30))
    receipt = upload(f"time,value\r\n{lines}{lines}")
    assert [error["line"] for error in receipt.errors or []] == list(range(32, 52))


def test_columns_repeat_a_time_only_if_both_lines_have_a_value() -> None:
    content = f"time,x,y\n{MORNING},1,\n{MORNING},,2\n{MORNING + 1},1,\n{MORNING + 1}.000,1,2\n"
    (error,) = explain_repeated_times(content.encode(), 20)
    assert (error.line, error.got) == (5, f"{MORNING + 1}.000,1,2")
    assert upload(content).status == "rejected"
    assert upload(content.rpartition("\n1")[0]).status == "stored"
