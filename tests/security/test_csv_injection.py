"""No file that staff download makes a spreadsheet run what a device or an admin wrote.

A spreadsheet takes a cell that begins with one of ``=+-@``, a tab or a line break for a formula.
"""

from __future__ import annotations

import csv
import io
import re
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser

from analysis.models import Annotation
from analysis.queries.annotations import make_csv_rows
from identities.models import Identity
from ingest.parsing.names import is_measurement_name
from tests.browser import chart_page
from tests.ingest.maintenance.factories import (
    MORNING,
    make_certificate,
    make_identity,
    send,
)
from tests.support.stack import Stack

PROJECT = Path(__file__).resolve().parents[2]
FORMULAS = ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "\n=1"]
FIRST = re.compile(r"[=+\-@\t\r\n]")
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?")
WRITES_CSV = re.compile(r"csv\.(writer|DictWriter|write_csv)|text/csv")
SHOWN_BY = {
    "analysis/admin/data_pages.py",  # texts of any rows
    "analysis/api/annotation_views.py",  # notes: below
    "analysis/exports/annotation_files.py",  # notes: below
    "analysis/exports/formats.py",  # numbers: see below
    "analysis/exports/study_folder.py",  # participant codes
    "analysis/api/openapi.py",  # says that there is CSV
    "identities/admin/bulk_enrolment_forms.py",  # names of identities, into a field of a page
    "identities/static/identities/credential_sheet.js",  # notes: in a browser, below
}


@pytest.mark.parametrize("formula", FORMULAS)
def test_no_identity_and_no_measurement_has_such_a_name(formula: str) -> None:
    with pytest.raises(ValidationError):
        Identity(name=formula).full_clean(validate_unique=False)
    assert not is_measurement_name(formula)


def test_csv_is_written_nowhere_else() -> None:
    sources = [
        path
        for folder in ("device_endpoint", "analysis", "alerts", "ingest", "identities")
        for pattern in ("*.py", "*.js")
        for path in (PROJECT / folder).rglob(pattern)
        if "vendor" not in path.parts
    ]
    found = {
        str(path.relative_to(PROJECT)) for path in sources if WRITES_CSV.search(path.read_text())
    }
    assert found == SHOWN_BY


def export(admin: Client, identity: Identity) -> Iterator[tuple[str, str]]:
    """Yield name and text of every CSV that staff can take out of a series."""
    one = admin.get(f"/api/v1/series/{identity.name}/hr/samples?format=csv")
    assert one.status_code == 200, one.content
    yield "samples.csv", b"".join(one.streaming_content).decode()  # type: ignore[attr-defined]
    whole = admin.get(f"/api/v1/archive?series={identity.name}/hr&format=csv")
    packed = b"".join(whole.streaming_content)  # type: ignore[attr-defined]
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        for name in archive.namelist():
            if name.endswith(".csv"):
                yield name, archive.read(name).decode()


def test_an_export_has_numbers_under_two_names_and_nothing_else(admin: Client) -> None:
    identity = make_identity()
    values = {MORNING: -1.5, MORNING + 1: 0.0, MORNING + 2: -1e19, MORNING + 3: 1e-20}
    send(make_certificate(identity), "".join(f"{t},{v:.20f}\n" for t, v in values.items()).encode())
    exports = list(export(admin, identity))
    assert len(exports) == 2
    for name, text in exports:
        header, *rows = csv.reader(io.StringIO(text))
        assert header == ["time_ms", "value"]
        assert len(rows) == len(values)
        # A number is shown as it is: a quote before a minus sign would make text of it.
        assert all(NUMBER.fullmatch(cell) for row in rows for cell in row), rows
        assert [float(value) for _, value in rows] == list(values.values())
        assert '"' not in text
        assert not FIRST.match(name)


@pytest.mark.parametrize("formula", FORMULAS)
def test_no_annotation_becomes_a_formula(db: None, formula: str) -> None:
    note = Annotation(identity=make_identity(), text=formula, starts_at=timezone.now())
    assert not any(FIRST.match(cell) for row in make_csv_rows([note]) for cell in row)


@pytest.fixture
def chromium() -> Iterator[Browser]:
    with chart_page.chromium() as browser:
        yield browser


@pytest.mark.browser
def test_the_csv_of_a_credential_sheet_has_notes_as_text(
    stack: Stack, chromium: Browser, tmp_path: Path
) -> None:
    notes = ["=HYPERLINK(1)", "+1", "-1", "@SUM(1)", "plain = text"]
    name = f"sheet-{uuid.uuid4().hex[:8]}"
    rows = "".join(f"{name}-{number},{note}\n" for number, note in enumerate(notes))
    with chart_page.signed_in(chromium, stack) as page:
        page.goto(f"{stack.staff_url}/admin/identities/enrolment/add/")
        page.fill("[name=rows]", f"identity,note\n{rows}")
        page.check("[name=create]")
        page.click("#content form [type=submit]")
        page.click("#content form [name=confirm]")
        with page.expect_download() as download:
            page.click("[data-save]")
        download.value.save_as(tmp_path / "sheet.csv")
    _, *saved = csv.reader((tmp_path / "sheet.csv").read_text().splitlines())
    assert [row[1] for row in saved] == [*(f"'{note}" for note in notes[:4]), notes[4]]
    assert not any(FIRST.match(cell) for row in saved for cell in row)
