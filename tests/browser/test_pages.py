"""Pages of the staff site are accessible and small, in light and dark and on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone
from playwright.sync_api import Browser

from alerts.models import MonitorHeartbeat
from identities.models import Identity
from ingest.models import DeviceCertificate, Measurement, SampleBlock
from tests.analysis.queries.factories import make_certificate, make_measurement, make_series
from tests.browser import chart_page
from tests.support.stack import Stack

pytestmark = pytest.mark.browser

IDENTITY = "pages-in-a-browser"
START = 1_700_006_400_000
PAGES = [
    "",
    "ingest/",
    "analysis/overview/",
    "analysis/overview/?state=overdue",
    f"analysis/overview/{IDENTITY}/",
    "analysis/series/",
    f"analysis/series/{IDENTITY}/hr/",
    f"analysis/series/{IDENTITY}/hr/days/",
    "analysis/compliance/?to=2023-11-15&name=hr",
    f"analysis/series/compare/?series={IDENTITY}/hr&series={IDENTITY}/ibi&layout=rows&align=start",
    f"analysis/series/compare/?series={IDENTITY}/nothing",
    "analysis/annotation/",
    f"analysis/annotation/add/?of={IDENTITY}&name=hr",
    "ingest/devicecertificate/{certificate}/device/",
    "ingest/strangerrefusal/",
    "ingest/measurementtype/",
    "ingest/measurementtype/add/",
    "ingest/measurement/",
    "ingest/measurement/{measurement}/change/",
    "ingest/devicecertificate/",
    "ingest/devicecertificate/{certificate}/change/",
    "ingest/registrationattempt/",
    "ingest/sampleconflict/",
    "ingest/retentionpolicy/",
    "ingest/datadeletion/",
    "ingest/measurement/?status__exact=rejected",
    "identities/enrolment/",
    "identities/enrolment/add/",
    "identities/accesstoken/add/",
    "otp_totp/totpdevice/",
    "auth/user/",
    "doctor/",
    "password_change/",
    "identities/identity/",
    "identities/identity/add/",
    "identities/presharedkey/",
    "identities/presharedkey/add/",
    "identities/accesstoken/",
    "identities/auditevent/",
]


# Return the start of each element beyond the width, [] if the page need not be scrolled.
BEYOND = """(width) => document.documentElement.scrollWidth <= width ? []
    : Array.from(document.querySelectorAll("body *"))
        .filter((each) => each.getBoundingClientRect().right > width)
        .map((each) => each.outerHTML.slice(0, 200))"""


IS_MENU_CUT = """() => {
    const menu = document.querySelector("#nav-sidebar");
    return menu !== null && menu.scrollWidth > menu.clientWidth;
}"""
LINES = """(each) => {
    const style = getComputedStyle(each);
    const padding = parseFloat(style.paddingTop) + parseFloat(style.paddingBottom);
    return Math.floor((each.clientHeight - padding) / parseFloat(style.fontSize));
}"""


@pytest.fixture
def numbers(live_db: None) -> Iterator[dict[str, str]]:
    """Store an identity with data of every kind; return the ids for URLs."""
    identity = Identity.objects.create(name=IDENTITY, description="for the tests")
    make_series(identity, "hr", {START + 1000 * n: 60 + n % 7 for n in range(200) if n % 100 > 20})
    make_series(identity, "ibi", {START + 800 * n: 800 + n % 9 for n in range(100)})
    certificate = make_certificate(identity, "pages")
    errors = [{"line": 3, "column": 1, "got": "x", "hint": "a number"}]
    measurement = make_measurement(certificate, b"x", status="rejected", errors=errors)
    # The home page lists what the user has done, by names as long as they may be.
    user = User.objects.get(is_superuser=True)
    LogEntry.objects.log_actions(user.pk, [Identity(pk=1, name="n" * 64)], ADDITION)
    yield {"measurement": str(measurement.pk), "certificate": str(certificate.pk)}
    LogEntry.objects.all().delete()
    Measurement.objects.filter(identity=identity).delete()
    SampleBlock.objects.filter(identity=identity).delete()
    DeviceCertificate.objects.filter(identity=identity).delete()
    identity.delete()
    connection.close()


@pytest.mark.parametrize("appearance", chart_page.APPEARANCES.values(), ids=chart_page.APPEARANCES)
def test_no_page_has_accessibility_violations(
    stack: Stack, chromium: Browser, numbers: dict[str, str], appearance: dict[str, object]
) -> None:
    found = {}
    # axe adds inline styles, which the Content-Security-Policy forbids.
    with chart_page.signed_in(chromium, stack, bypass_csp=True, **appearance) as page:
        for each in PAGES:
            page.goto(f"{stack.staff_url}/admin/{each.format(**numbers)}")
            page.wait_for_load_state("networkidle")
            if wrong := chart_page.find_violations(page):
                found[each] = wrong
    assert found == {}


def test_no_analysis_page_is_large_or_wider_than_a_phone(
    stack: Stack, chromium: Browser, numbers: dict[str, str]
) -> None:
    # The longest sentence of the home page: monitoring has stopped.
    long_ago = timezone.now() - timedelta(days=1)
    MonitorHeartbeat.objects.update_or_create(defaults={"last_run_at": long_ago}, pk=1)
    narrow = {"width": 390, "height": 800}
    with chart_page.signed_in(chromium, stack, viewport=narrow) as page:
        for each in PAGES[:11]:
            page.goto(f"{stack.staff_url}/admin/{each.format(**numbers)}")
            page.wait_for_load_state("networkidle")
            assert chart_page.measure_bytes(page) < chart_page.MAX_BYTES, each
            wide = page.evaluate(BEYOND, narrow["width"])
            assert wide == [], f"{each} is wider than the screen"


def test_no_menu_is_cut_off_and_no_heading_breaks_a_word(
    stack: Stack, chromium: Browser, numbers: dict[str, str]
) -> None:
    measurement = Measurement.objects.filter(pk=numbers["measurement"])
    measurement.update(name="n" * 64, received_at=timezone.now())
    with chart_page.signed_in(chromium, stack, viewport={"width": 1200, "height": 800}) as page:
        cut = []
        for each in PAGES:
            page.goto(f"{stack.staff_url}/admin/{each.format(**numbers)}")
            if page.evaluate(IS_MENU_CUT):
                cut.append(each)
        assert cut == []
        page.goto(f"{stack.staff_url}/admin/")
        attention = page.locator(".status-home .series-table")
        assert attention.get_by_text("n" * 64).count() == 1
        assert attention.evaluate("(each) => each.scrollWidth <= each.clientWidth")
        assert attention.locator("th").first.evaluate(LINES) == 1
