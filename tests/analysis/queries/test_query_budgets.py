"""Pages take a fixed number of statements, however many rows there are."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from identities.cluster import is_cluster
from identities.models import Identity, PreSharedKey
from tests.analysis.queries.factories import make_certificate, make_measurement, make_series

Budget = Callable[..., AbstractContextManager[Any]]
START = 1_700_006_400_000
PAGES = [
    "/admin/",
    "/admin/analysis/overview/",
    "/admin/analysis/overview/?q=ward",
    "/admin/analysis/overview/ward-0/",
    "/admin/analysis/series/",
    "/admin/analysis/series/ward-0/hr/",
    "/admin/analysis/series/ward-0/hr/days/",
    "/admin/analysis/compliance/",
    "/admin/analysis/series/compare/?series=ward-0/hr&series=ward-1/hr",
    "/admin/analysis/series/suggest/?q=ward",
    "/admin/analysis/series/ward-0/hr/events/",
    "/admin/analysis/annotation/",
    "/admin/ingest/measurement/",
    "/admin/ingest/measurement/?q=WARD-3",
    "/admin/ingest/devicecertificate/",
    "/admin/ingest/devicecertificate/?q=ward",
    "/admin/identities/identity/",
    "/admin/identities/identity/?q=ward",
    "/admin/identities/presharedkey/",
    "/api/v1/series",
    "/api/v1/series/ward-0/hr/buckets",
    "/api/v1/series/ward-0/hr/summary",
    "/api/v1/series/ward-0/hr/days",
]


@pytest.fixture
def staff(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("ada"))
    return client


@pytest.fixture
def wards(db: None) -> None:
    """Thirty identities, each with a series, a certificate, a file and a key."""
    for number in range(30):
        identity = Identity.objects.create(name=f"ward-{number}")
        make_series(identity, "hr", {START + 1000 * n: 60 for n in range(5)})
        certificate = make_certificate(identity, identity.name)
        make_measurement(certificate, identity.name.encode(), first_ms=START, last_ms=START)
        key = PreSharedKey(identity=identity, expires_at=timezone.now() + timedelta(days=1))
        key.set_new_secret()
        key.save()


@pytest.mark.parametrize("page", PAGES)
def test_a_page_stays_within_its_query_budget(
    staff: Client, wards: None, page: str, django_assert_max_num_queries: Budget
) -> None:
    # The status home reads each kind of reason, and the state of the database: of each node.
    most = {
        "/admin/": 46 if is_cluster() else 36,
        "/admin/analysis/overview/ward-0/": 24,
        "/admin/analysis/overview/?q=ward": 22,  # related rows are searched, too
    }
    with django_assert_max_num_queries(most.get(page, 18)):
        answer = staff.get(page)
        assert answer.status_code == 200


def test_the_list_of_identities_counts_certificates_and_keys(staff: Client, wards: None) -> None:
    identity = Identity.objects.get(name="ward-7")
    make_certificate(identity, "another")
    gone = make_certificate(identity, "revoked")
    gone.state = "revoked"
    gone.save()
    page = staff.get("/admin/identities/identity/").content.decode()
    assert "ward-7: 2 live certificates" in page
    assert "ward-7: 1 usable key" in page
    assert page.index(">ward-10<") < page.index(">ward-2<")
