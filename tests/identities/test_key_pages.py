"""A key once made is evidence: only its note is written again, and it can be revoked for good."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.core.exceptions import ValidationError
from django.test import Client

from identities.credentials import issue_psk
from identities.models import Identity, PreSharedKey
from tests.identities.admin_pages import filled_in, links

LIST = "/admin/identities/presharedkey/"


@pytest.fixture
def key(identity: Identity) -> PreSharedKey:
    return issue_psk(identity)[0]


def page_of(key: PreSharedKey) -> str:
    return f"{LIST}{key.pk}/change/"


def test_only_the_note_can_be_written(admin: Client, key: PreSharedKey) -> None:
    fields = filled_in(admin.get(page_of(key)).content.decode())
    fields.pop("csrfmiddlewaretoken")
    assert set(fields) == {"note"}


def test_what_else_is_sent_is_ignored(admin: Client, key: PreSharedKey) -> None:
    sent = {"note": "lent to the ward", "max_uses": "99", "uses": "0", "revoked_at": ""}
    assert admin.post(page_of(key), sent).status_code == 302
    PreSharedKey.objects.get(pk=key.pk, note="lent to the ward", max_uses=1)


def test_writing_the_note_undoes_nothing_that_came_in_between(key: PreSharedKey) -> None:
    stale = PreSharedKey.objects.get(pk=key.pk)
    PreSharedKey.objects.redeem(key.pk)
    stale.note = "lent"
    stale.save(update_fields=["note"])
    key.refresh_from_db()
    assert (key.uses, key.note) == (1, "lent")


def test_a_key_cannot_be_deleted(admin: Client, key: PreSharedKey) -> None:
    assert admin.get(f"{LIST}{key.pk}/delete/").status_code == 403
    assert "delete_selected" not in admin.get(LIST).content.decode()


def test_the_button_asks_before_it_revokes(admin: Client, key: PreSharedKey) -> None:
    revoke = f"{LIST}{key.pk}/revoke/"
    assert revoke in links(admin.get(page_of(key)).content.decode())
    assert "cannot be undone" in admin.get(revoke).content.decode()
    key.refresh_from_db()
    assert key.state == "usable"
    answer = admin.post(revoke, follow=True)
    key.refresh_from_db()
    assert key.state == "revoked"
    assert revoke not in links(answer.content.decode())
    assert LogEntry.objects.get().change_message == "Revoked."


def test_the_action_asks_and_revokes_those_that_were_chosen(
    admin: Client, key: PreSharedKey, identity: Identity
) -> None:
    other, _ = issue_psk(identity)
    chosen = {"action": "revoke_selected", "_selected_action": str(key.pk)}
    page = admin.post(LIST, chosen).content.decode()
    assert key.hint in page
    assert not PreSharedKey.objects.exclude(revoked_at=None).exists()
    admin.post(LIST, filled_in(page))
    key.refresh_from_db()
    other.refresh_from_db()
    assert (key.state, other.state) == ("revoked", "usable")


def test_revoking_again_keeps_the_first_time(admin: Client, key: PreSharedKey) -> None:
    admin.post(f"{LIST}{key.pk}/revoke/")
    first = PreSharedKey.objects.get().revoked_at
    answer = admin.post(f"{LIST}{key.pk}/revoke/", follow=True)
    assert PreSharedKey.objects.get().revoked_at == first
    assert "Nothing was left to revoke." in answer.content.decode()


def test_a_revoked_key_stays_revoked_on_every_path(key: PreSharedKey) -> None:
    stale = PreSharedKey.objects.get(pk=key.pk)
    PreSharedKey.objects.filter(pk=key.pk).revoke()
    with pytest.raises(ValidationError, match="stays revoked"):
        stale.save()
    assert PreSharedKey.objects.get().state == "revoked"


def test_a_key_that_is_not_there_is_404(admin: Client, db: None) -> None:
    assert admin.post(f"{LIST}12345/revoke/").status_code == 404


def test_the_list_can_be_narrowed_to_a_state(
    admin: Client, key: PreSharedKey, identity: Identity
) -> None:
    other, _ = issue_psk(identity)
    PreSharedKey.objects.filter(pk=other.pk).revoke()
    page = admin.get(LIST, {"state": "revoked"}).content.decode()
    assert page_of(other) in page.replace("?_changelist_filters=state%3Drevoked", "")
    assert f"/{key.pk}/change/" not in page


@pytest.mark.parametrize("state", ["usable", "exhausted", "expired", "revoked"])
def test_the_filter_and_the_property_agree(identity: Identity, state: str) -> None:
    exhausted, expired, revoked = (issue_psk(identity)[0] for _ in range(3))
    issue_psk(identity)
    PreSharedKey.objects.redeem(exhausted.pk)
    PreSharedKey.objects.filter(pk=expired.pk).update(expires_at=expired.created_at)
    PreSharedKey.objects.filter(pk=revoked.pk).revoke()
    (found,) = PreSharedKey.objects.in_state(state)
    assert found.state == state
