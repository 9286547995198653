"""Analysts on a streaming replica, while devices send to the primary."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.reliability.load import sending, wait_for_more
from tests.scaling.clusters import DATABASE, Cluster
from tests.security.users import Browser
from tests.support.devices import Device
from tests.support.stack import Stack, wait_until

# Two servers and a whole stack of its own.
pytestmark = pytest.mark.debian


@pytest.fixture(scope="module")
def primary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    found = Cluster(tmp_path_factory.mktemp("primary") / "cluster")
    found.initialise()
    found.start()
    found.ask(f"CREATE DATABASE {DATABASE}", "postgres")
    yield found
    found.remove()


@pytest.fixture(scope="module")
def replica(primary: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    found = Cluster(tmp_path_factory.mktemp("replica") / "cluster")
    found.copy(primary)
    found.start()
    yield found
    found.remove()


@pytest.fixture(scope="module")
def scaled(
    primary: Cluster, replica: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    found = Stack(
        tmp_path_factory.mktemp("scaled"),
        {"DATABASE_URL": primary.address, "ANALYTICS_DATABASE_URL": replica.address},
    )
    found.start()
    yield found
    found.stop()


class Analyst:
    """A program with a token, at the read API."""

    def __init__(self, stack: Stack) -> None:
        issued = stack.manage("issue_token", stack.superuser_name, "--json")
        self._token = json.loads(issued.stdout)["token"]
        self._stack = stack

    def get(self, path: str) -> requests.Response:
        """GET a page of the staff door with the token."""
        return requests.get(
            self._stack.staff_url + path,
            headers={"Authorization": f"Bearer {self._token}"},
            verify=str(self._stack.ca_file),
            timeout=60,
        )

    def count(self, identity: str) -> int:
        """Return how many samples of an identity the read API knows."""
        found = self.get(f"/api/v1/series?identity={identity}")
        assert found.status_code == 200, found.text
        return sum(series["count"] for series in found.json()["results"])

    def lag(self) -> float:
        """Return the seconds that the metrics tell."""
        text = self.get("/metrics").text
        (line,) = [
            one for one in text.splitlines() if one.startswith("device_endpoint_replica_lag_s")
        ]
        return float(line.split()[-1])


def registered(stack: Stack, folder: Path, identity: str) -> Device:
    device = Device(stack.device_url, stack.ca_file, folder / identity)
    assert device.register(stack.issue_psk(identity)).status_code == 200
    return device


def test_analysts_read_the_replica_while_devices_send(
    scaled: Stack, replica: Cluster, tmp_path: Path
) -> None:
    analyst, device = Analyst(scaled), registered(scaled, tmp_path, "busy")
    with sending([device]) as sent:
        wait_for_more(sent, 20)
        wait_until(lambda: analyst.count("busy") > 0, "the replica to follow")
        wait_for_more(sent, 20)
    assert set(sent.answers) == {200}
    wait_until(lambda: analyst.count("busy") == 2 * sent.of(200), "all that was acknowledged")
    # As SQL sees it there, too.
    assert replica.ask("SELECT count(*) FROM analytics.samples") == [(2 * sent.of(200),)]
    device.close()


def test_what_the_replica_has_not_replayed_is_not_shown_and_the_lag_is(
    scaled: Stack, replica: Cluster, tmp_path: Path
) -> None:
    analyst, device = Analyst(scaled), registered(scaled, tmp_path, "late")
    assert device.upload(("hr", None, b"1560279600000,60\n")).status_code == 200
    wait_until(lambda: analyst.count("late") == 1, "the replica to follow")
    replica.ask("SELECT pg_wal_replay_pause()")
    try:
        assert device.upload(("hr", None, b"1560279601000,60\n")).status_code == 200
        assert analyst.count("late") == 1
        told = analyst.get("/api/v1/series")
        assert told.headers["X-Replica-Lag"].endswith("s behind")
        wait_until(lambda: analyst.lag() > 0, "the lag to be told")
        # What is not for analysts reads where devices write.
        assert scaled.manage("export_samples", "late", "hr").stdout.count("\n") == 3
        status, _, body = scaled.get_staff("/readyz")
        assert (status, "replica" in json.loads(body)) == (200, True)
    finally:
        replica.ask("SELECT pg_wal_replay_resume()")
    wait_until(lambda: analyst.count("late") == 2, "the replica to follow")
    device.close()


def test_a_page_says_that_it_was_read_from_a_replica_and_not_after_a_form(scaled: Stack) -> None:
    browser = Browser(scaled)
    browser.log_in(scaled.superuser_name, scaled.superuser_password)
    page = browser.get("/admin/analysis/series/")
    assert "Read from a replica" in page.text
    assert "X-Replica-Lag" in page.headers
    assert "X-Replica-Lag" not in browser.get("/admin/ingest/measurementtype/").headers
    saved = browser.post(
        "/admin/ingest/measurementtype/add/", {"pattern": "steps", "label": "Steps", "unit": "1"}
    )
    assert saved.status_code == 302, saved.text
    after = browser.get("/admin/analysis/series/")
    assert after.status_code == 200
    assert "Read from a replica" not in after.text


def test_without_its_replica_analysts_are_told_so_and_devices_send_on(
    scaled: Stack, replica: Cluster, tmp_path: Path
) -> None:
    analyst, device = Analyst(scaled), registered(scaled, tmp_path, "alone")
    browser = Browser(scaled)
    browser.log_in(scaled.superuser_name, scaled.superuser_password)
    replica.stop()
    try:
        wait_until(lambda: analyst.get("/api/v1/series").status_code == 503, "503")
        refused = analyst.get("/api/v1/series")
        assert refused.json()["type"] == "urn:device-endpoint:database_unavailable"
        assert "replica" in refused.json()["detail"]
        assert "Retry-After" in refused.headers
        page = browser.get("/admin/analysis/overview/")
        assert (page.status_code, "replica" in page.text) == (503, True)
        assert browser.get("/admin/ingest/measurement/").status_code == 200
        assert device.upload(("hr", None, b"1560279600000,60\n")).status_code == 200
        status, _, body = scaled.get_staff("/readyz")
        assert (status, json.loads(body)["replica"]) == (200, "no answer")
        found = json.loads(scaled.manage("doctor", "--json").stdout)["checks"]
        (line,) = [one for one in found if one["name"] == "replica"]
        assert line["level"] == "FAIL"
    finally:
        replica.start()
    wait_until(lambda: analyst.get("/api/v1/series").status_code == 200, "the replica")
    wait_until(lambda: analyst.count("alone") == 1, "what came meanwhile")
    device.close()
