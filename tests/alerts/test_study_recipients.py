"""Recipients of a study are notified of its identities' incidents, and learn of no others."""

from __future__ import annotations

import json

import pytest
from pytest_django import Settings

from alerts.models import Notification
from identities.studies import Study, StudyIdentity
from ingest.models import SampleBlock
from tests.alerts.conftest import HOUR, MINUTE, NOON, SECRET, Device, run_once
from tests.alerts.smtp_sink import Sink, text_of
from tests.alerts.webhook_receiver import Receiver

pytestmark = pytest.mark.django_db
STOPPED = NOON + HOUR + MINUTE


@pytest.fixture
def studies() -> tuple[Study, Study]:
    """Study A with a site, and B; each with a device that is overdue, and one in no study."""
    first = Study.objects.create(name="Study A", alert_recipients="a1@example.org\r\na2@a.org")
    site = Study.objects.create(name="Site", parent=first)
    other = Study.objects.create(name="Study B", alert_recipients="b@example.org")
    Device("alone").send(NOON)
    for name, study in (("bed-a", first), ("bed-s", site), ("bed-b", other)):
        device = Device(name)
        device.send(NOON)
        StudyIdentity.objects.create(study=study, identity=device.identity)
    return first, other


def sent(mail: Sink) -> dict[str, str]:
    """Return subject and text of each message by its first recipient, and forget them."""
    found = {to[0]: f"{each['Subject']}\n{text_of(each)}" for to, each in mail.messages}
    mail.messages.clear()
    return found


def test_each_study_is_told_of_its_own(mail: Sink, studies: tuple[Study, Study]) -> None:
    run_once(STOPPED)
    [to_a] = [to for to, _ in mail.messages if "a1@example.org" in to]
    assert to_a == ["a1@example.org", "a2@a.org"]
    messages = sent(mail)
    assert messages.keys() == {"ada@example.org", "a1@example.org", "b@example.org"}
    assert messages["ada@example.org"].startswith("[localhost] 4 overdue\n")
    assert messages["a1@example.org"].startswith("[localhost: Study A] 2 overdue\n")
    assert messages["b@example.org"].startswith("[localhost: Study B] 1 overdue\n")
    assert "bed-b" not in messages["a1@example.org"]
    assert "bed-s" in messages["a1@example.org"]
    assert not {"bed-a", "bed-s", "alone"} & {*messages["b@example.org"].split()}
    run_once(STOPPED + 20 * MINUTE)
    assert not mail.messages  # each once


def test_a_recovery_is_told_where_the_stop_was(mail: Sink, studies: tuple[Study, Study]) -> None:
    run_once(STOPPED)
    sent(mail)
    StudyIdentity.objects.filter(identity__name="bed-s").delete()
    newest = int((STOPPED + 9 * MINUTE).timestamp() * 1000)
    SampleBlock.objects.filter(identity__name__in=("bed-a", "bed-s")).update(last_ms=newest)
    run_once(STOPPED + 20 * MINUTE)
    messages = sent(mail)
    assert messages["ada@example.org"].startswith("[localhost] 2 recovered")
    assert messages["a1@example.org"].startswith("[localhost: Study A] 1 recovered")
    assert "bed-s" not in messages["a1@example.org"]
    assert "b@example.org" not in messages


def test_an_identity_that_left_is_not_told_of(mail: Sink, studies: tuple[Study, Study]) -> None:
    """Also where the notification had been created already."""
    mail.refuses = True
    run_once(STOPPED)
    StudyIdentity.objects.filter(identity__name="bed-b").delete()
    mail.refuses = False
    run_once(STOPPED + 2 * MINUTE)
    assert "b@example.org" not in sent(mail)
    assert Notification.objects.get(study=studies[1]).abandoned_at is not None


def test_the_webhook_of_a_study(
    settings: Settings, receiver: Receiver, studies: tuple[Study, Study]
) -> None:
    settings.ALERT_WEBHOOK_URL = ""
    settings.ALERT_STUDY_WEBHOOKS = {
        "STUDY b": (receiver.url, SECRET),
        "gone": (receiver.url, SECRET),
    }
    run_once(STOPPED)
    [call] = receiver.calls
    assert call.events() == [("late", "bed-b", None)]
    assert call.document["study"] == "Study B"
    assert call.document["counts"]["late"] == 1
    assert "bed-a" not in json.dumps(call.document)


def test_the_end_of_a_recipient_abandons_what_waits(
    mail: Sink, studies: tuple[Study, Study]
) -> None:
    mail.refuses = True
    run_once(STOPPED)
    Study.objects.update(alert_recipients="")
    run_once(STOPPED + MINUTE)
    waiting = Notification.objects.filter(abandoned_at=None)
    assert [each.study_id for each in waiting] == [None]
