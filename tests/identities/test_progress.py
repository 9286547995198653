"""An enrolment's progress: who has registered, who has not and why; what about the rest."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from identities import keys
from identities.audit.models import AuditEvent
from identities.enrolment import progress
from identities.models import Identity, PreSharedKey
from identities.visibility import EVERYTHING
from tests.identities.admin_pages import barred, filled_in, links
from tests.identities.enrolment_steps import cards, enrol, newest
from tests.identities.factories import rows_that_hold

ROWS = "identity,max_uses\n" + "".join(f"bed-{n},1\n" for n in range(1, 6)) + "ward,3\n"


@pytest.fixture
def enrolled(operator: Client) -> str:
    """Six keys, each in another state; return the address of the enrolment."""
    enrol(operator, ROWS, name="Ward 3")
    PreSharedKey.objects.redeem(key_of("bed-1").pk)
    PreSharedKey.objects.filter(pk=key_of("bed-1").pk).revoke()  # it stays registered
    PreSharedKey.objects.redeem(key_of("ward").pk)
    PreSharedKey.objects.filter(pk=key_of("bed-3").pk).revoke()
    past = timezone.now() - timedelta(seconds=1)
    PreSharedKey.objects.filter(pk=key_of("bed-4").pk).update(expires_at=past)
    return f"/admin/identities/enrolment/{newest().pk}/"


def key_of(identity: str) -> PreSharedKey:
    return PreSharedKey.objects.get(identity__name=identity, replaced_by=None)


def page_of(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def shown(page: str) -> dict[str, str]:
    """Return the state of each identity on the page of progress."""
    rows = re.findall(r'change/">([^<]+)</a></th>\s*<td><span class="state [^"]*">([^<]+)<', page)
    assert len(dict(rows)) == len(rows)
    return dict(rows)


def test_the_page_shows_which_devices_have_registered(operator: Client, enrolled: str) -> None:
    page = page_of(operator, f"{enrolled}change/")
    assert shown(page) == {
        "bed-1": "registered",
        "bed-2": "waiting",
        "bed-3": "revoked",
        "bed-4": "expired",
        "bed-5": "waiting",
        "ward": "partly registered",
    }
    assert "<strong>1 of 6</strong> registered" in page
    for choice in ("All 6", "Registered 1", "Waiting 2", "Expired 1", "Partly registered 1"):
        assert f">{choice}</a>" in page
    assert "1 of 3</a>" in page


def test_the_page_can_be_filtered_by_state(operator: Client, enrolled: str) -> None:
    page = page_of(operator, f"{enrolled}change/?state=waiting")
    assert list(shown(page)) == ["bed-2", "bed-5"]
    assert len(shown(page_of(operator, f"{enrolled}change/?state=no-such-state"))) == 6
    assert "?state=partly%20registered" in links(page)


def test_a_long_enrolment_has_pages(operator: Client) -> None:
    enrol(operator, "identity\n" + "".join(f"bed-{n:03}\n" for n in range(101)))
    address = f"/admin/identities/enrolment/{newest().pk}/change/?state=waiting"
    assert len(shown(page_of(operator, address))) == 100
    assert list(shown(page_of(operator, address + "&page=2"))) == ["bed-100"]


def test_the_list_shows_registered_and_total(operator: Client, enrolled: str) -> None:
    assert "1 of 6" in page_of(operator, "/admin/identities/enrolment/")
    assert "1 of 6" in page_of(operator, "/admin/identities/enrolment/?q=bed-5")
    assert "1 of 6" not in page_of(operator, "/admin/identities/enrolment/?q=nobody")


def test_reissuing_replaces_the_keys_that_have_not_registered(
    operator: Client, enrolled: str
) -> None:
    old = {name: key_of(name) for name in ("bed-2", "bed-4", "bed-5", "ward")}
    page = page_of(operator, f"{enrolled}reissue/")
    assert "Re-issue 4 keys" in page
    answer = operator.post(f"{enrolled}reissue/", filled_in(page) | {"valid_for": "2d"})
    assert "no-store" in answer["Cache-Control"]
    new = dict(cards(answer.content.decode()))
    assert set(new) == set(old)
    for name, before in old.items():
        before.refresh_from_db()
        assert before.revoked_at is not None
        now = key_of(name)
        assert bytes(now.digest) == keys.digest(new[name])
        assert (now.replaces, now.note, now.enrolment) == (before, before.note, before.enrolment)
        assert timedelta(days=1) < now.expires_at - timezone.now() <= timedelta(days=2)
        assert rows_that_hold(new[name]) == []
    assert key_of("ward").max_uses == 2, "one of three has been used"
    states = shown(page_of(operator, f"{enrolled}change/"))
    assert states["bed-4"] == "waiting"
    assert len(states) == 6


def test_a_page_submitted_twice_does_not_revoke_its_new_keys(
    operator: Client, enrolled: str
) -> None:
    form = filled_in(page_of(operator, f"{enrolled}reissue/"))
    operator.post(f"{enrolled}reissue/", form)
    before = PreSharedKey.objects.in_state("usable").count()
    again = operator.post(f"{enrolled}reissue/", form)
    assert again.status_code == 302
    assert PreSharedKey.objects.in_state("usable").count() == before == 4


def test_a_device_that_registers_meanwhile_keeps_its_key(operator: Client, enrolled: str) -> None:
    form = filled_in(page_of(operator, f"{enrolled}reissue/"))
    PreSharedKey.objects.redeem(key_of("bed-2").pk)
    answer = operator.post(f"{enrolled}reissue/", form)
    assert "bed-2" not in dict(cards(answer.content.decode()))
    assert key_of("bed-2").revoked_at is None


def test_revoking_ends_every_key_that_has_uses_left(operator: Client, enrolled: str) -> None:
    assert "Revoke 4 keys" in page_of(operator, f"{enrolled}revoke/")
    assert operator.post(f"{enrolled}revoke/").status_code == 302
    assert not PreSharedKey.objects.usable().exists()
    page = page_of(operator, f"{enrolled}change/")
    assert "4 keys revoked." in page
    assert shown(page)["bed-1"] == "registered"
    assert shown(page)["ward"] == "partly registered"
    assert f"{enrolled}reissue/" not in links(page)
    operator.post(f"{enrolled}revoke/")
    assert "No key was left to revoke." in page_of(operator, f"{enrolled}change/")


def test_both_are_in_the_histories_and_the_audit_log(operator: Client, enrolled: str) -> None:
    operator.post(f"{enrolled}reissue/", filled_in(page_of(operator, f"{enrolled}reissue/")))
    operator.post(f"{enrolled}revoke/")
    said = set(LogEntry.objects.values_list("change_message", flat=True))
    assert {"Re-issued 4 keys.", "Revoked 4 keys.", "Revoked."} <= said
    noted = AuditEvent.objects.filter(object_type="identities.presharedkey", action="comment")
    messages = [row.changes["message"][1] for row in noted]
    assert sum(text == "Revoked." for text in messages) == 4
    assert sum(text.startswith("Revoked: replaced by dpsk_") for text in messages) == 4


@pytest.mark.parametrize(
    ("may", "expected"),
    [
        (("view_presharedkey",), {"change/": 200, "reissue/": 403, "revoke/": 403}),
        (("change_presharedkey",), {"change/": 200, "reissue/": 403, "revoke/": 200}),
        (
            ("add_presharedkey", "change_presharedkey"),
            {"change/": 200, "reissue/": 200, "revoke/": 200},
        ),
        (("view_identity",), {"change/": 403, "reissue/": 403, "revoke/": 403}),
    ],
)
def test_each_step_requires_its_permission(
    enrolled: str,
    make_user: Callable[..., User],
    log_in: Callable[[User], Client],
    may: tuple[str, ...],
    expected: dict[str, int],
) -> None:
    user = make_user("kay")
    user.user_permissions.set(Permission.objects.filter(codename__in=may))
    client = log_in(user)
    assert {page: client.get(enrolled + page).status_code for page in expected} == expected
    offered = links(client.get(f"{enrolled}change/").content.decode())
    for page in ("reissue/", "revoke/"):
        assert (enrolled + page in offered) == (expected[page] == 200)
        assert expected[page] == 200 or client.post(enrolled + page).status_code == 403


def test_an_enrolment_is_neither_edited_nor_deleted(admin: Client, enrolled: str) -> None:
    assert admin.post(f"{enrolled}change/", {"name": "x"}).status_code == 403
    assert admin.post(f"{enrolled}delete/", {"post": "yes"}).status_code == 403
    assert admin.get("/admin/identities/enrolment/999/reissue/").status_code == 404


def test_an_erased_identity_leaves_the_enrolment(operator: Client, enrolled: str) -> None:
    Identity.objects.get(name="bed-2").delete()
    assert "bed-2" not in shown(page_of(operator, f"{enrolled}change/"))
    assert progress.count_states(newest(), EVERYTHING)[progress.WAITING] == 1


def test_no_page_of_it_holds_what_the_policy_bars(operator: Client, enrolled: str) -> None:
    pages = [page_of(operator, enrolled + one) for one in ("change/", "reissue/", "revoke/")]
    assert [barred(page) for page in pages] == [[], [], []]
