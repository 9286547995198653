"""Keys with failed registration attempts are marked and link to the attempts."""

from __future__ import annotations

from django.test import Client

from identities.credentials import issue_psk
from identities.models import Identity, PreSharedKey
from ingest.models import RegistrationAttempt
from tests.identities.admin_pages import filled_in, links
from tests.identities.enrolment_steps import cards, enrol, newest

KEYS = "/admin/identities/presharedkey/"


def refuse(key: PreSharedKey, outcome: str = "psk_exhausted", count: int = 1) -> None:
    RegistrationAttempt.objects.create(
        identity=key.identity, psk_hint=key.hint, outcome=outcome, count=count
    )


def attempts(key: PreSharedKey) -> str:
    return (
        f"/admin/ingest/registrationattempt/?q={key.hint.replace('…', '%E2%80%A6')}&outcome=refused"
    )


def test_the_list_counts_failed_attempts_and_filters_by_them(
    operator: Client, identity: Identity
) -> None:
    tried, quiet = (issue_psk(identity)[0] for _ in range(2))
    refuse(tried)
    refuse(tried, "psk_revoked", count=4)
    refuse(tried, "registered")
    page = operator.get(KEYS).content.decode()
    assert attempts(tried) in links(page)
    assert attempts(quiet) not in links(page)
    assert ">5</a>" in page
    page = operator.get(f"{KEYS}?refused=yes").content.decode()
    assert tried.hint in page
    assert quiet.hint not in page
    found = operator.get(attempts(tried)).content.decode()
    assert found.count("Pre-shared key exhausted</span>") == 1
    assert found.count("Pre-shared key revoked</span>") == 1


def test_an_enrolment_lists_its_failed_attempts(operator: Client) -> None:
    enrol(operator)
    address = f"/admin/identities/enrolment/{newest().pk}/change/"
    assert "Failed attempts" not in operator.get(address).content.decode()
    key = PreSharedKey.objects.get(note="left")
    refuse(key, count=2)
    page = operator.get(address).content.decode()
    assert "Failed attempts" in page
    assert attempts(key) in links(page)
    assert "2 attempts" in page


def test_a_keys_page_links_to_its_attempts_and_replacement(
    operator: Client, identity: Identity
) -> None:
    key, _ = issue_psk(identity, note="strap 4")
    refuse(key)
    page = operator.get(f"{KEYS}{key.pk}/change/").content.decode()
    assert attempts(key) in links(page)
    assert f"{KEYS}{key.pk}/reissue/" in links(page)
    form = filled_in(operator.get(f"{KEYS}{key.pk}/reissue/").content.decode())
    sheet = operator.post(f"{KEYS}{key.pk}/reissue/", form)
    assert [name for name, _ in cards(sheet.content.decode())] == [identity.name]
    key.refresh_from_db()
    assert key.state == "revoked"
    assert operator.post(f"{KEYS}{key.pk}/reissue/", form).status_code == 302
    page = operator.get(f"{KEYS}{key.pk}/change/").content.decode()
    assert f"{KEYS}{key.pk}/reissue/" not in links(page)
    assert PreSharedKey.objects.count() == 2


def test_an_identity_leads_to_its_data_and_its_attempts(
    operator: Client, identity: Identity
) -> None:
    found = links(
        operator.get(f"/admin/identities/identity/{identity.pk}/change/").content.decode()
    )
    ways = {"/admin/analysis/overview/bed-12/", "/admin/ingest/registrationattempt/?q=bed-12"}
    assert ways <= found
    assert [operator.get(way).status_code for way in sorted(ways)] == [200, 200]


def test_those_who_make_no_keys_are_offered_none(analyst: Client, identity: Identity) -> None:
    key, _ = issue_psk(identity)
    assert analyst.get(f"{KEYS}{key.pk}/reissue/").status_code == 403
    assert analyst.post(f"{KEYS}{key.pk}/reissue/", {"confirmed": "yes"}).status_code == 403
    found = links(analyst.get("/admin/identities/identity/").content.decode())
    assert "/admin/identities/enrolment/add/" not in found
