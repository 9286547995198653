"""Names are unique over all studies: one of another study is not available, and gets no key."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.forms import ModelChoiceField
from django.test import Client

from identities.admin.identities import IdentityAdmin
from identities.models import Identity, PreSharedKey
from identities.studies import Study, StudyIdentity, StudyMember
from tests.identities.admin_pages import filled_in
from tests.identities.factories import PSK_ADD

NOT_AVAILABLE = "not available"
LIST = "/admin/identities/enrolment/add/"


@pytest.fixture
def ours(db: None) -> Study:
    return Study.objects.create(name="Ours")


@pytest.fixture
def theirs(db: None) -> Identity:
    """An identity of another study."""
    identity = Identity.objects.create(name="Their-1")
    StudyIdentity.objects.create(study=Study.objects.create(name="Theirs"), identity=identity)
    return identity


@pytest.fixture
def manager(
    ours: Study, make_user: Callable[..., User], log_in: Callable[[User], Client]
) -> Client:
    user = make_user("dora")
    StudyMember.objects.create(study=ours, user=user, role="data manager")
    return log_in(user)


def text_of(client: Client, address: str, fields: dict[str, str]) -> str:
    return client.post(address, fields).content.decode()


def test_adding_it_is_refused(manager: Client, ours: Study, theirs: Identity) -> None:
    fields = {"name": "their-1", "is_active": "on", "study": str(ours.pk)}
    assert NOT_AVAILABLE in text_of(manager, "/admin/identities/identity/add/", fields)
    assert Identity.objects.count() == 1


def test_renaming_to_it_is_refused(manager: Client, ours: Study, theirs: Identity) -> None:
    mine = Identity.objects.create(name="mine")
    StudyIdentity.objects.create(study=ours, identity=mine)
    address = f"/admin/identities/identity/{mine.pk}/change/"
    form = filled_in(manager.get(address).content.decode())
    assert NOT_AVAILABLE in text_of(manager, address, form | {"name": "THEIR-1"})
    mine.refresh_from_db()
    assert mine.name == "mine"


def test_its_number_is_no_choice_for_a_key(manager: Client, theirs: Identity) -> None:
    form = filled_in(manager.get(PSK_ADD).content.decode())
    refused = text_of(manager, PSK_ADD, form | {"identity": str(theirs.pk)})
    missing = text_of(manager, PSK_ADD, form | {"identity": "987654321"})
    assert "not one of the available choices" in refused
    assert refused.count("errorlist") == missing.count("errorlist")
    assert not PreSharedKey.objects.exists()


@pytest.mark.parametrize("rows", ["identity\nTHEIR-1", "identity,study\nTheir-1,Ours"])
def test_a_list_with_it_is_refused(manager: Client, theirs: Identity, rows: str) -> None:
    form = filled_in(manager.get(LIST).content.decode())
    page = text_of(manager, LIST, form | {"rows": rows, "create": "on", "study": "Ours"})
    assert NOT_AVAILABLE in page
    assert "proposal" not in page
    assert not PreSharedKey.objects.exists()


def test_the_command_with_a_study_refuses_it(ours: Study, theirs: Identity, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text("identity,study\nTheir-1,Ours\n")
    for arguments in (["Their-1"], ["Their-1", "--create"], ["--from", str(file)]):
        with pytest.raises(CommandError, match=NOT_AVAILABLE):
            call_command("issue_psk", *arguments, study="Ours", stdout=io.StringIO())
    assert not PreSharedKey.objects.exists()


def test_another_study_is_one_that_does_not_exist(manager: Client, theirs: Identity) -> None:
    form = filled_in(manager.get(LIST).content.decode()) | {"create": "on"}
    pages = [
        text_of(manager, LIST, form | {"rows": f"identity,study\nnew-1,{name}"})
        for name in ("Theirs", "Nowhere")
    ]
    assert "There is no study" in pages[0]
    assert pages[0].count("There is no study") == pages[1].count("There is no study")


def test_new_identities_are_put_into_the_study(manager: Client, ours: Study) -> None:
    form = filled_in(manager.get(LIST).content.decode()) | {"create": "on"}
    preview = text_of(manager, LIST, form | {"rows": "identity,study\nn-1,ours\nn-2,Ours"})
    issued = manager.post(LIST, filled_in(preview))
    assert issued.content.decode().count("dpsk_") >= 2
    assert {*ours.identities.values_list("name", flat=True)} == {"n-1", "n-2"}


def test_a_new_identity_needs_a_study(manager: Client, ours: Study) -> None:
    page = text_of(manager, "/admin/identities/identity/add/", {"name": "new-1", "is_active": "on"})
    assert "This field is required" in page
    fields = {"name": "new-1", "is_active": "on", "study": str(ours.pk)}
    assert manager.post("/admin/identities/identity/add/", fields).status_code == 302
    assert [one.name for one in ours.identities.all()] == ["new-1"]


def test_an_inactive_study_enrols_nobody(manager: Client, ours: Study) -> None:
    mine = Identity.objects.create(name="mine")
    StudyIdentity.objects.create(study=ours, identity=mine)
    Study.objects.update(is_active=False)
    form = filled_in(manager.get(PSK_ADD).content.decode())
    assert "study is inactive" in text_of(manager, PSK_ADD, form | {"identity": str(mine.pk)})
    rows = filled_in(manager.get(LIST).content.decode()) | {"rows": "identity\nmine"}
    assert "is inactive" in text_of(manager, LIST, rows)
    with pytest.raises(CommandError, match="inactive"):
        call_command("issue_psk", "mine", stdout=io.StringIO())
    assert not PreSharedKey.objects.exists()


def test_the_choice_of_one_user_is_not_that_of_another(
    manager: Client, ours: Study, admin: Client, theirs: Identity
) -> None:
    pages = ("/admin/identities/identity/add/", "/admin/identities/accesstoken/add/")
    for page in pages:
        assert "Theirs" not in manager.get(page).content.decode()
        assert "Theirs" in admin.get(page).content.decode()
        assert "Theirs" not in manager.get(page).content.decode()
    shared = IdentityAdmin.form.base_fields["study"]
    assert isinstance(shared, ModelChoiceField)
    assert shared.queryset is not None
    assert not shared.queryset.exists()
