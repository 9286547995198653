"""A series is overdue by the times of its samples; a backlog starts no incident."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from alerts import monitor
from alerts.models import Incident
from identities.models import Identity
from identities.studies import Study, StudyIdentity
from ingest.models import MeasurementType
from tests.alerts.conftest import (
    HOUR,
    MINUTE,
    NOON,
    Device,
    run_once,
)

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def test_a_series_is_overdue_after_interval_and_grace() -> None:
    device = Device("ward", grace_period=30 * MINUTE)
    device.send(NOON)
    run_once(NOON + 90 * MINUTE)
    assert device.state() == ""
    run_once(NOON + 91 * MINUTE)
    assert device.state() == "overdue, started"
    device.send(NOON + 92 * MINUTE)
    run_once(NOON + 93 * MINUTE)
    assert device.state() == ""
    assert Incident.objects.get(identity=device.identity).outcome == "recovered"


def test_a_type_without_interval_shadows_no_wider_one() -> None:
    device = Device("ward", every=None)
    MeasurementType.objects.filter(pattern="hr_measurement").delete()
    MeasurementType.objects.create(pattern="hr_measurement", label="heart rate")
    MeasurementType.objects.filter(pattern="hr*").update(reporting_interval=HOUR)
    device.send(NOON, name="hr_measurement")
    run_once(NOON + 61 * MINUTE)
    assert Incident.objects.get().name == "hr_measurement"


def test_a_backlog_is_catching_up_and_starts_no_incident() -> None:
    device = Device("ward")
    device.send(NOON)
    device.send(NOON + 5 * HOUR, newest=NOON + HOUR)  # it was offline, and uploads its backlog
    run_once(NOON + 5 * HOUR + MINUTE)
    assert device.state() == "catching up, not started"
    device.send(NOON + 5 * HOUR + 2 * MINUTE)
    assert run_once(NOON + 5 * HOUR + 3 * MINUTE).catching_up == 0
    assert device.state() == ""


def test_a_device_that_stops_within_its_backlog_is_overdue() -> None:
    device = Device("ward")
    device.send(NOON + 5 * HOUR, newest=NOON)
    run_once(NOON + 5 * HOUR + MINUTE)
    run_once(NOON + 6 * HOUR)
    assert device.state() == "catching up, not started"
    run_once(NOON + 6 * HOUR + MINUTE)
    assert device.state() == "overdue, started"


def test_a_backlog_resolves_no_incident_but_is_shown() -> None:
    device = Device("ward")
    device.send(NOON)
    run_once(NOON + 3 * HOUR)
    device.send(NOON + 4 * HOUR, newest=NOON + HOUR)
    run_once(NOON + 4 * HOUR + MINUTE)
    assert device.state() == "catching up, started"
    device.send(NOON + 4 * HOUR + 2 * MINUTE)
    run_once(NOON + 4 * HOUR + 3 * MINUTE)
    assert device.state() == ""


def test_a_day_of_old_samples_only_is_overdue() -> None:
    device = Device("wrong-clock")
    device.send(NOON)
    for hours in range(2, 28):
        device.send(NOON + hours * HOUR, newest=NOON - 300 * DAY)
        run_once(NOON + hours * HOUR + MINUTE)
        started = "started" if hours >= 26 else "not started"
        assert device.state() == f"catching up, {started}"


def test_a_rejected_file_does_not_count_as_received() -> None:
    device = Device("ward")
    device.send(NOON)
    device.send(NOON + 2 * HOUR, newest=NOON - HOUR)
    device.identity.measurements.filter(received_at=NOON + 2 * HOUR).update(status="rejected")
    run_once(NOON + 2 * HOUR + MINUTE)
    assert device.state() == "overdue, started"


def test_devices_have_time_to_report_after_our_outage() -> None:
    back, gone = Device("back"), Device("gone")
    for device in (back, gone):
        device.send(NOON)
    run_once(NOON + MINUTE)
    up_again = NOON + 3 * HOUR
    monitor.run_once(up_again)  # monitoring was interrupted for three hours
    run_once(up_again + 10 * MINUTE)
    assert not Incident.objects.exists()
    back.send(up_again + 11 * MINUTE)
    run_once(up_again + HOUR - MINUTE)
    assert not Incident.objects.exists()
    run_once(up_again + HOUR)
    assert (back.state(), gone.state()) == ("", "overdue, started")


def test_an_identity_without_an_interval_is_not_monitored() -> None:
    device = Device("ward", every=None)
    device.send(NOON)
    run_once(NOON + 100 * DAY)
    assert not Incident.objects.filter(kind="late").exists()


def test_a_device_without_samples_is_not_overdue() -> None:
    device = Device("new")
    run_once(NOON)
    assert device.state() == ""


@pytest.mark.parametrize(
    "changes",
    [{"is_active": False}, {"monitoring_paused_until": NOON + DAY}, {"reporting_interval": None}],
)
def test_what_is_not_monitored_is_not_overdue(changes: dict[str, object]) -> None:
    device = Device("ward")
    device.send(NOON)
    run_once(NOON + 2 * HOUR)
    assert device.state() == "overdue, started"
    Identity.objects.filter(pk=device.identity.pk).update(**changes)
    run_once(NOON + 3 * HOUR)
    assert device.state() == ""
    assert Incident.objects.get(identity=device.identity).outcome == "unwatched"


def test_a_pause_ends_by_itself() -> None:
    device = Device("ward", monitoring_paused_until=NOON + DAY)
    device.send(NOON)
    run_once(NOON + DAY - MINUTE)
    assert device.state() == ""
    run_once(NOON + DAY)
    assert device.state() == "overdue, started"


@pytest.mark.parametrize("state", ["suspended", "revoked"])
def test_suspended_and_revoked_devices_are_not_overdue(state: str) -> None:
    device = Device("ward")
    device.send(NOON)
    device.identity.certificates.update(state=state)
    run_once(NOON + DAY)
    assert device.state() == ""


def test_a_superseded_certificate_is_not_live() -> None:
    device = Device("ward")
    device.send(NOON)
    device.certificate.retires_at = NOON + HOUR
    device.certificate.save()
    run_once(NOON + 2 * HOUR)
    assert device.state() == ""


def test_a_measurement_type_monitors_each_of_its_series() -> None:
    MeasurementType.objects.filter(pattern="hr*").update(reporting_interval=HOUR)
    MeasurementType.objects.create(pattern="hr_slow", label="Slow", reporting_interval=DAY)
    device = Device("ward", every=None)
    for name in ("hr_fast", "hr_slow", "hr_measurement", "steps"):
        device.send(NOON, name=name)
    device.send(NOON + 2 * HOUR, name="steps")
    run_once(NOON + 2 * HOUR + MINUTE)
    # "hr_measurement" is a type of its own, whose interval is that of the wider type.
    names = Incident.objects.values_list("name", flat=True)
    assert sorted(names) == ["hr_fast", "hr_measurement"]
    run_once(NOON + DAY + MINUTE)
    assert device.state("hr_slow") == "overdue, started"


def test_an_identity_s_interval_overrides_that_of_the_types() -> None:
    MeasurementType.objects.filter(pattern="hr*").update(reporting_interval=MINUTE)
    device = Device("ward", every=DAY)
    device.send(NOON, name="hr_old")
    device.send(NOON + HOUR, name="steps")
    run_once(NOON + DAY)
    assert not Incident.objects.exists()
    run_once(NOON + DAY + 2 * HOUR)
    assert device.state() == "overdue, started"


def test_many_identities_need_few_statements(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    devices = [Device(f"ward-{number}") for number in range(30)]
    for device in devices:
        device.send(NOON)
    with django_assert_max_num_queries(31):
        run_once(NOON + MINUTE)


def test_the_shortest_interval_of_the_studies_applies() -> None:
    parent = Study.objects.create(name="A", reporting_interval=HOUR)
    site = Study.objects.create(name="A1", parent=parent, grace_period=30 * MINUTE)
    slow = Study.objects.create(name="B", reporting_interval=DAY)
    device, own = Device("ward", every=None), Device("own", every=5 * HOUR)
    for study in (site, slow):
        for each in (device, own):
            StudyIdentity.objects.create(study=study, identity=each.identity)
    for each in (device, own):
        each.send(NOON)
    run_once(NOON + 90 * MINUTE)
    assert device.state() == ""
    run_once(NOON + 91 * MINUTE)
    assert device.state() == "overdue, started"
    assert own.state() == ""
