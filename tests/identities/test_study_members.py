"""Study admins manage members of their study, and give no right that they do not have."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from identities.audit.models import AuditEvent
from identities.models import Identity
from identities.studies import Study, StudyIdentity, StudyMember

ADD = "/admin/identities/studymember/add/"
PARTICIPATION = "/admin/identities/studyidentity/add/"


@pytest.fixture
def studies(db: None) -> tuple[Study, Study]:
    return Study.objects.create(name="A"), Study.objects.create(name="B")


@pytest.fixture
def sara(studies: tuple[Study, Study], make_user: Callable[..., User]) -> User:
    user = make_user("sara")
    StudyMember.objects.create(study=studies[0], user=user, role="study admin")
    return user


def test_a_study_admin_invites_a_viewer(
    studies: tuple[Study, Study],
    sara: User,
    make_user: Callable[..., User],
    log_in: Callable[[User], Client],
) -> None:
    vera = make_user("vera")
    client = log_in(sara)
    fields = {"study": str(studies[0].pk), "username": "vera", "role": "viewer"}
    assert client.post(ADD, fields).status_code == 302
    assert StudyMember.objects.get(user=vera).role == "viewer"
    assert "already" in client.post(ADD, fields).content.decode()
    assert "no member of staff" in client.post(ADD, fields | {"username": "x"}).content.decode()
    event = AuditEvent.objects.get(object_type="identities.studymember")
    assert event.study_ids == [studies[0].pk]


def test_nobody_gives_rights_in_another_study(
    studies: tuple[Study, Study],
    sara: User,
    make_user: Callable[..., User],
    log_in: Callable[[User], Client],
) -> None:
    make_user("vera")
    client = log_in(sara)
    fields = {"study": str(studies[1].pk), "username": "vera", "role": "viewer"}
    assert "not one of the available choices" in client.post(ADD, fields).content.decode()
    assert StudyMember.objects.count() == 1


def test_a_role_above_ones_own_is_refused(
    studies: tuple[Study, Study],
    make_user: Callable[..., User],
    log_in: Callable[[User], Client],
) -> None:
    group_member = make_user("gina")
    wanted = ("view_all_identities", "add_studymember", "view_studymember")
    group_member.user_permissions.set(Permission.objects.filter(codename__in=wanted))
    fields = {"study": str(studies[0].pk), "username": "gina", "role": "study admin"}
    page = log_in(group_member).post(ADD, fields).content.decode()
    assert "rights that you do not have" in page
    assert not StudyMember.objects.exists()


def test_data_managers_manage_no_members(
    studies: tuple[Study, Study],
    make_user: Callable[..., User],
    log_in: Callable[[User], Client],
) -> None:
    user = make_user("dora")
    StudyMember.objects.create(study=studies[0], user=user, role="data manager")
    client = log_in(user)
    assert client.get(ADD).status_code == 403
    assert client.get("/admin/identities/studymember/").status_code == 403
    assert client.get("/admin/identities/study/add/").status_code == 403


def test_adding_an_identity_takes_rights_on_both_sides(
    studies: tuple[Study, Study],
    make_user: Callable[..., User],
    log_in: Callable[[User], Client],
) -> None:
    first, second = studies
    user = make_user("dora")
    StudyMember.objects.create(study=first, user=user, role="data manager")
    mine, alien = (Identity.objects.create(name=name) for name in ("mine", "alien"))
    StudyIdentity.objects.create(study=first, identity=mine)
    StudyIdentity.objects.create(study=second, identity=alien)
    client = log_in(user)
    for study, identity in ((first, alien), (second, mine)):
        fields = {"study": str(study.pk), "identity": str(identity.pk)}
        page = client.post(PARTICIPATION, fields).content.decode()
        assert "not one of the available choices" in page
    StudyMember.objects.create(study=second, user=user, role="data manager")
    fields = {"study": str(second.pk), "identity": str(mine.pk), "participant_code": "P-1"}
    assert client.post(PARTICIPATION, fields).status_code == 302
    assert mine.studies.count() == 2
    code = StudyIdentity.objects.create(study=second, identity=Identity.objects.create(name="x"))
    address = f"/admin/identities/studyidentity/{code.pk}/change/"
    again = fields | {"identity": str(code.identity_id), "participant_code": "p-1"}
    assert "has this code" in client.post(address, again).content.decode()


def test_a_parent_takes_rights_on_both_sides(
    studies: tuple[Study, Study], sara: User, log_in: Callable[[User], Client]
) -> None:
    first, second = studies
    address = f"/admin/identities/study/{first.pk}/change/"
    fields = {"name": "A", "time_zone": "UTC", "is_active": "on", "parent": str(second.pk)}
    client = log_in(sara)
    assert "not one of the available choices" in client.post(address, fields).content.decode()
    StudyMember.objects.create(study=second, user=sara, role="study admin")
    assert client.post(address, fields).status_code == 302
    first.refresh_from_db()
    assert first.parent == second
    assert client.get(f"/admin/identities/study/{second.pk}/change/").status_code == 200


def test_study_admins_read_the_audit_log_of_their_study(
    studies: tuple[Study, Study], sara: User, log_in: Callable[[User], Client]
) -> None:
    client = log_in(sara)
    address = f"/admin/identities/study/{studies[0].pk}/change/"
    client.post(address, {"name": "A", "description": "new text", "time_zone": "UTC"})
    AuditEvent.objects.create(action="change", object_repr="other", study_ids=[studies[1].pk])
    page = client.get("/admin/identities/auditevent/").content.decode()
    assert "identities.study" in page
    assert "other" not in page


def test_the_audit_log_is_narrowed_to_a_study(
    studies: tuple[Study, Study], sara: User, log_in: Callable[[User], Client]
) -> None:
    for study in studies:
        StudyMember.objects.get_or_create(study=study, user=sara, defaults={"role": "study admin"})
        AuditEvent.objects.create(
            action="change", object_repr=f"of-{study.name}", study_ids=[study.pk]
        )
    client = log_in(sara)
    log = "/admin/identities/auditevent/"
    assert "of-B" in client.get(log).content.decode()
    page = client.get(f"{log}?study={studies[0].pk}").content.decode()
    assert "of-A" in page
    assert "of-B" not in page
    StudyMember.objects.filter(study=studies[1]).update(role="viewer")
    assert "of-B" not in client.get(log).content.decode()
    assert f"?study={studies[1].pk}" not in client.get(log).content.decode()


def test_a_study_s_page_leads_to_its_identities_and_members(
    studies: tuple[Study, Study],
    sara: User,
    make_user: Callable[..., User],
    log_in: Callable[[User], Client],
) -> None:
    study = studies[0]
    vera = make_user("vera")
    StudyMember.objects.create(study=study, user=vera, role="viewer")
    identity = Identity.objects.create(name="ward-1")
    StudyIdentity.objects.create(study=study, identity=identity)
    page = f"/admin/identities/study/{study.pk}/change/"
    participations = f"/admin/identities/studyidentity/?study={study.pk}"
    members = f"/admin/identities/studymember/?study={study.pk}"
    shown = log_in(sara).get(page).content.decode()
    assert participations in shown
    assert members in shown
    assert "ward-1" in log_in(sara).get(participations).content.decode()
    assert "vera" in log_in(sara).get(members).content.decode()
    shown = log_in(vera).get(page).content.decode()
    assert participations in shown
    assert members not in shown
