"""Analysts read from a streaming replica while devices send to the primary."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.reliability.load import send_load, wait_for_responses
from tests.scaling.clusters import DATABASE, Cluster
from tests.security.users import Browser
from tests.support.devices import Device
from tests.support.stack import Stack, wait_until

# Starts two PostgreSQL servers and an installation.
pytestmark = pytest.mark.debian


@pytest.fixture(scope="module")
def primary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    found = Cluster(tmp_path_factory.mktemp("primary") / "cluster")
    found.initialise()
    found.start()
    found.execute(f"CREATE DATABASE {DATABASE}", "postgres")
    yield found
    found.remove()


@pytest.fixture(scope="module")
def replica(primary: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    found = Cluster(tmp_path_factory.mktemp("replica") / "cluster")
    found.copy_from(primary)
    found.start()
    yield found
    found.remove()


@pytest.fixture(scope="module")
def scaled(
    primary: Cluster, replica: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    found = Stack(
        tmp_path_factory.mktemp("scaled"),
        {"DATABASE_URL": primary.database_url, "ANALYTICS_DATABASE_URL": replica.database_url},
    )
    found.start()
    yield found
    found.stop()


class Analyst:
    """A client of the analysis API with a token."""

    def __init__(self, stack: Stack) -> None:
        issued = stack.manage("issue_token", stack.superuser_name, "--json")
        self._token = json.loads(issued.stdout)["token"]
        self._stack = stack

    def get(self, path: str) -> requests.Response:
        return requests.get(
            self._stack.staff_url + path,
            headers={"Authorization": f"Bearer {self._token}"},
            verify=str(self._stack.ca_file),
            timeout=60,
        )

    def count(self, identity: str) -> int:
        """Return the number of an identity's samples."""
        response = self.get(f"/api/v1/series?identity={identity}")
        assert response.status_code == 200, response.text
        return sum(series["count"] for series in response.json()["results"])

    def lag(self) -> float:
        """Return the replica lag of the metrics, in seconds."""
        text = self.get("/metrics").text
        (line,) = [
            one for one in text.splitlines() if one.startswith("device_endpoint_replica_lag_s")
        ]
        return float(line.split()[-1])


def register_device(stack: Stack, folder: Path, identity: str) -> Device:
    device = Device(stack.device_url, stack.ca_file, folder / identity)
    assert device.register(stack.issue_psk(identity)).status_code == 200
    return device


def test_analysts_read_the_replica_while_devices_send(
    scaled: Stack, replica: Cluster, tmp_path: Path
) -> None:
    analyst, device = Analyst(scaled), register_device(scaled, tmp_path, "busy")
    with send_load([device]) as result:
        wait_for_responses(result, 20)
        wait_until(lambda: analyst.count("busy") > 0, "the replica to follow")
        wait_for_responses(result, 20)
    assert set(result.statuses) == {200}
    wait_until(lambda: analyst.count("busy") == 2 * result.count(200), "all that was acknowledged")
    # SQL on the replica returns the same.
    assert replica.execute("SELECT count(*) FROM analytics.samples") == [(2 * result.count(200),)]
    device.close()


def test_pages_show_the_replayed_data_and_the_lag(
    scaled: Stack, replica: Cluster, tmp_path: Path
) -> None:
    analyst, device = Analyst(scaled), register_device(scaled, tmp_path, "lagging")
    assert device.upload(("hr", None, b"1560279600000,60\n")).status_code == 200
    wait_until(lambda: analyst.count("lagging") == 1, "the replica to follow")
    replica.execute("SELECT pg_wal_replay_pause()")
    try:
        assert device.upload(("hr", None, b"1560279601000,60\n")).status_code == 200
        assert analyst.count("lagging") == 1
        response = analyst.get("/api/v1/series")
        assert response.headers["X-Replica-Lag"].endswith("s behind")
        wait_until(lambda: analyst.lag() > 0, "the lag in the metrics")
        # Commands read from the primary.
        assert scaled.manage("export_samples", "lagging", "hr").stdout.count("\n") == 3
        status, _, body = scaled.get_staff("/readyz")
        assert (status, "replica" in json.loads(body)) == (200, True)
    finally:
        replica.execute("SELECT pg_wal_replay_resume()")
    wait_until(lambda: analyst.count("lagging") == 2, "the replica to follow")
    device.close()


def test_a_page_names_the_replica_except_after_a_form(scaled: Stack) -> None:
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


def test_a_stopped_replica_fails_analysts_only(
    scaled: Stack, replica: Cluster, tmp_path: Path
) -> None:
    analyst, device = Analyst(scaled), register_device(scaled, tmp_path, "alone")
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
    wait_until(lambda: analyst.count("alone") == 1, "the files sent in between")
    device.close()
