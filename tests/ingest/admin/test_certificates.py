"""Suspending, revoking and reactivating devices in the admin."""

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from identities.credentials import issue_psk
from identities.models import Identity
from ingest.certificate_reassignment import reassign
from ingest.models import CertificateRenewal, DeviceCertificate
from tests.analysis.queries.factories import make_certificate

LIST = "/admin/ingest/devicecertificate/"


def act(client: Client, action: str, *certificates: DeviceCertificate) -> int:
    chosen = {"action": action, "_selected_action": [each.pk for each in certificates]}
    return client.post(LIST, chosen).status_code


@pytest.mark.parametrize(
    ("action", "before", "after"),
    [
        ("suspend", "active", "suspended"),
        ("revoke", "active", "revoked"),
        ("revoke", "suspended", "revoked"),
        ("reactivate", "suspended", "active"),
        ("reactivate", "revoked", "active"),
        ("suspend", "revoked", "revoked"),
    ],
)
def test_an_operator_changes_the_state_of_certificates(
    operator: Client, certificate: DeviceCertificate, action: str, before: str, after: str
) -> None:
    DeviceCertificate.objects.update(state=before)
    act(operator, action, certificate)
    certificate.refresh_from_db()
    assert certificate.state == after


def test_each_change_of_state_is_in_the_history(
    operator: Client, certificate: DeviceCertificate
) -> None:
    act(operator, "revoke", certificate)
    entry = LogEntry.objects.get(object_id=str(certificate.pk))
    assert "revoked" in entry.change_message
    assert entry.user.username == "operator"


def test_an_analyst_changes_no_certificate(analyst: Client, certificate: DeviceCertificate) -> None:
    for action in ("suspend", "revoke", "reactivate"):
        act(analyst, action, certificate)
    analyst.post(f"{LIST}{certificate.pk}/change/", {"state": "revoked", "label": "x"})
    certificate.refresh_from_db()
    assert (certificate.state, certificate.label) == ("active", "")


def test_an_operator_changes_only_the_label(
    operator: Client, certificate: DeviceCertificate
) -> None:
    other = Identity.objects.create(name="other")
    operator.post(
        f"{LIST}{certificate.pk}/change/",
        {
            "label": "left wrist",
            "state": "active",
            "state_reason": "",
            "identity": other.pk,
            "key_type": "x",
        },
    )
    certificate.refresh_from_db()
    assert (certificate.label, certificate.identity.name) == ("left wrist", "ward3-07")
    assert certificate.key_type == "EC P-256"


def test_a_device_is_found_by_identity_label_and_fingerprint(
    analyst: Client, certificate: DeviceCertificate
) -> None:
    other = make_certificate(Identity.objects.create(name="elsewhere"), "second")
    start = other.fingerprint[:12]
    spoken = " ".join(other.fingerprint[at : at + 4] for at in range(0, 64, 4))
    for term in ("elsewhere", start, spoken, start.upper()):
        text = analyst.get(LIST, {"q": term}).content.decode()
        assert f"/devicecertificate/{other.pk}/change/" in text, term
        assert f"/devicecertificate/{certificate.pk}/change/" not in text, term


def test_the_latest_possible_date_is_shown(analyst: Client, certificate: DeviceCertificate) -> None:
    DeviceCertificate.objects.update(not_after="9999-12-31T23:59:59Z")
    assert b"9999-12-31" in analyst.get(LIST).content
    assert b"9999-12-31" in analyst.get(f"{LIST}{certificate.pk}/change/").content


def renew(old: DeviceCertificate, seed: str) -> DeviceCertificate:
    """Store a certificate that has replaced ``old``."""
    new = make_certificate(old.identity, seed)
    new.replaces = old
    new.save()
    return new


@pytest.mark.parametrize("action", ["suspend", "revoke"])
def test_successors_are_shown_and_revoked_on_request(
    operator: Client, certificate: DeviceCertificate, action: str
) -> None:
    second = renew(certificate, "second")
    third = renew(second, "third")
    key, _ = issue_psk(certificate.identity)
    CertificateRenewal.objects.create(key=key, certificate=certificate)
    chosen = {"action": action, "_selected_action": [certificate.pk]}
    page = operator.post(LIST, chosen, follow=True).content.decode()
    successors = f"{LIST}{certificate.pk}/successors/"
    assert successors in page
    key.refresh_from_db()
    assert key.state == "revoked"
    for address in (successors, f"{LIST}{certificate.pk}/change/"):
        page = operator.get(address).content.decode()
        assert second.fingerprint[:16] in page
        assert third.fingerprint[:16] in page
    operator.post(successors)
    states = DeviceCertificate.objects.filter(pk__in=[second.pk, third.pk])
    assert set(states.values_list("state", flat=True)) == {"revoked"}
    assert "no successor" in operator.get(successors).content.decode()


def test_the_form_revokes_keys_too_and_saves_what_changed(
    operator: Client, certificate: DeviceCertificate
) -> None:
    key, _ = issue_psk(certificate.identity)
    CertificateRenewal.objects.create(key=key, certificate=certificate)
    form = {"label": "left", "state": "suspended", "state_reason": "lost"}
    operator.post(f"{LIST}{certificate.pk}/change/", form)
    certificate.refresh_from_db()
    key.refresh_from_db()
    assert (certificate.state, certificate.label, key.state) == ("suspended", "left", "revoked")


def test_a_mass_update_revokes_keys_too(certificate: DeviceCertificate) -> None:
    key, _ = issue_psk(certificate.identity)
    CertificateRenewal.objects.create(key=key, certificate=certificate)
    DeviceCertificate.objects.filter(label="").update(state="suspended")
    key.refresh_from_db()
    assert key.state == "revoked"


def test_a_revoked_one_in_between_hides_no_successor(
    operator: Client, certificate: DeviceCertificate
) -> None:
    second = renew(certificate, "second")
    third = renew(second, "third")
    DeviceCertificate.objects.filter(pk=second.pk).update(state="revoked")
    chosen = {"action": "revoke", "_selected_action": [certificate.pk]}
    page = operator.post(LIST, chosen, follow=True).content.decode()
    successors = f"{LIST}{certificate.pk}/successors/"
    assert successors in page
    operator.post(successors)
    third.refresh_from_db()
    assert third.state == "revoked"


@pytest.mark.parametrize("which", [0, 1])
def test_successors_across_a_reassignment_are_shown_and_revoked(
    operator: Client, certificate: DeviceCertificate, which: int
) -> None:
    second = renew(certificate, "second")
    other = Identity.objects.create(name="ward9-01")
    reassign((certificate, second)[which], other, by="olga", reason="another patient")
    chosen = {"action": "suspend", "_selected_action": [certificate.pk]}
    page = operator.post(LIST, chosen, follow=True).content.decode()
    successors = f"{LIST}{certificate.pk}/successors/"
    assert successors in page
    assert second.fingerprint[:16] in operator.get(successors).content.decode()
    operator.post(successors)
    second.refresh_from_db()
    assert second.state == "revoked"
