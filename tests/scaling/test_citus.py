"""``manage.py distribute``: its statements, and the product on a distributed database."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from device_endpoint.env import PROJECT_DIR
from tests.scaling.conftest import Database
from tests.security.users import Browser
from tests.support.devices import Device
from tests.support.stack import Stack

pytestmark = pytest.mark.slow

HOUR = 1_560_279_600_000
RECORDING = PROJECT_DIR / "tests/data/hr_measurement_2019_06_11"

STATEMENTS = [
    r"SELECT create_reference_table\('identities_identity'\)",
    r"SELECT create_reference_table\('ingest_devicecertificate'\)",
    r"SELECT create_reference_table\('identities_studyidentity'\)",
    r'ALTER TABLE ingest_measurement DROP CONSTRAINT "ingest_measurement_pkey"',
    r"ALTER TABLE ingest_measurement ADD PRIMARY KEY \(identity_id, id\)",
    r'ALTER TABLE ingest_sampleblock DROP CONSTRAINT "ingest_sampleblock_pkey"',
    r"ALTER TABLE ingest_sampleblock ADD PRIMARY KEY \(identity_id, id\)",
    r"SELECT create_distributed_table\('ingest_measurement', 'identity_id'\)",
    r"SELECT create_distributed_table\('ingest_sampleblock', 'identity_id', "
    r"colocate_with => 'ingest_measurement'\)",
    r"SELECT create_distributed_table\('ingest_hoursummary', 'identity_id', "
    r"colocate_with => 'ingest_measurement'\)",
    r"SELECT create_distributed_table\('ingest_daysummary', 'identity_id', "
    r"colocate_with => 'ingest_measurement'\)",
    r"SELECT create_distributed_table\('ingest_series', 'identity_id', "
    r"colocate_with => 'ingest_measurement'\)",
]


def test_a_dry_run_prints_the_statements_and_changes_nothing(
    coordinator: Database,
) -> None:
    run = coordinator.manage("distribute", "--dry-run")
    assert run.returncode == 0, run.stderr
    places = [re.search(f"^{statement};$", run.stdout, re.MULTILINE) for statement in STATEMENTS]
    assert all(places), run.stdout
    starts = [place.start() for place in places if place]
    assert starts == sorted(starts)
    assert run.stdout == coordinator.manage("distribute", "--dry-run").stdout
    assert coordinator.execute("SELECT count(*) FROM pg_dist_partition") == [(0,)]


def test_foreign_keys_are_dropped_before_reference_tables(coordinator: Database) -> None:
    printed = coordinator.manage("distribute", "--dry-run").stdout
    first = printed.index("create_reference_table")
    assert "DROP CONSTRAINT" in printed[:first]
    dropped = set(re.findall(r"ALTER TABLE (\w+) DROP CONSTRAINT", printed[:first]))
    assert "identities_presharedkey" in dropped
    assert "ADD CONSTRAINT" not in printed[first:]


def test_tables_of_ingest_have_no_foreign_key_to_identities(database: Database) -> None:
    keys = database.execute(
        "SELECT conrelid::regclass::text FROM pg_constraint WHERE contype = 'f' "
        "AND confrelid = 'identities_identity'::regclass AND conrelid::regclass::text ~ '^ingest_'"
    )
    assert keys == []


def test_without_citus_the_extension_is_named(database: Database) -> None:
    run = database.manage("distribute", "--dry-run")
    assert run.returncode == 1
    assert "CREATE EXTENSION citus" in run.stderr
    assert "Traceback" not in run.stderr


def test_a_coordinator_outside_the_nodes_causes_a_warning(coordinator: Database) -> None:
    assert coordinator.manage("distribute", "--dry-run").stderr == ""
    coordinator.execute("DELETE FROM pg_dist_node WHERE groupid = 0")
    run = coordinator.manage("distribute", "--dry-run")
    assert run.returncode == 0
    assert "citus_set_coordinator_host" in run.stderr


def test_an_interrupted_run_resumes_and_a_second_run_is_refused(
    coordinator: Database,
) -> None:
    coordinator.execute("ALTER FUNCTION create_distributed_table RENAME TO away")
    interrupted = coordinator.manage("distribute")
    assert interrupted.returncode == 1
    assert "resumes from here" in interrupted.stderr
    coordinator.execute("ALTER FUNCTION away RENAME TO create_distributed_table")
    remaining = coordinator.manage("distribute", "--dry-run").stdout
    assert "create_reference_table" not in remaining
    assert "PRIMARY KEY" not in remaining
    assert coordinator.manage("distribute").returncode == 0
    again = coordinator.manage("distribute")
    assert again.returncode == 1
    assert "distributed already" in again.stderr


def test_a_local_table_of_citus_is_named(coordinator: Database) -> None:
    coordinator.execute("INSERT INTO pg_dist_partition VALUES ('ingest_measurement', 'n', 's')")
    run = coordinator.manage("distribute")
    assert run.returncode == 1
    assert "undistribute_table('ingest_measurement')" in run.stderr


def test_uploads_maintenance_queries_and_admin_work(coordinator: Database, tmp_path: Path) -> None:
    run = coordinator.manage("distribute")
    assert run.returncode == 0, run.stderr
    keys = coordinator.execute(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'p' "
        "AND conrelid IN ('ingest_measurement'::regclass, 'ingest_sampleblock'::regclass)"
    )
    assert keys == [("PRIMARY KEY (identity_id, id)",)] * 2
    coordinator.execute("SELECT watch_statements()")
    stack = Stack(tmp_path, {"DATABASE_URL": coordinator.url})
    stack.start()
    try:
        _use(stack, tmp_path)
    finally:
        stack.stop()
    rows = coordinator.execute(
        "SELECT count(*), max(value) FROM analytics.samples_between("
        "'ward', 'hr', '2019-06-11T18:00:00Z', '2019-06-12T19:00:00Z')"
    )
    assert rows == [(3, 62.0)]
    rows = coordinator.execute(
        "SELECT sum(samples) FROM analytics.buckets_between("
        "'ward', 'hr', '2019-06-11T18:00:00Z', '2019-06-12T19:00:00Z', '1 hour')"
    )
    assert rows == [(3,)]
    rows = coordinator.execute(
        "SELECT identity, label, unit, samples, first::text FROM analytics.series WHERE name = 'hr'"
    )
    assert rows == [("ward", "Heart rate", "/min", 3, "2019-06-11 19:00:00+00")]


def _use(stack: Stack, folder: Path) -> None:
    device = Device(stack.device_url, stack.ca_file, folder / "device")
    assert device.register(stack.issue_psk("ward")).status_code == 200
    files = [f"{HOUR + n},{60 + n}\n".encode() for n in range(3)]
    for content in (*files, files[0]):
        answer = device.upload(("hr", None, content))
        assert answer.status_code == 200, answer.text
    assert answer.json()["files"][0]["status"] == "duplicate"
    # Overlaps what is stored; a day in many blocks; one that cannot be read.
    replacing = device.upload(("hr", None, f"{HOUR},70\n".encode()))
    assert replacing.json()["files"][0]["replaced"] == 1
    assert device.upload(("recorded", "r.csv", RECORDING.read_bytes())).status_code == 200
    day = "".join(f"{HOUR + n * 60_000},1\n" for n in range(2_880)).encode()
    assert device.upload(("day", None, day)).status_code == 200
    rejected = device.upload(("hr", "f", b"no\n"))
    assert rejected.status_code == 422
    for name in ("compact", "verify", "rebuild", "reparse"):
        run = stack.manage(name)
        assert run.returncode == 0, (name, run.stdout, run.stderr)
    exported = stack.manage("export_samples", "ward", "hr")
    assert exported.stdout == f"time_ms,value\n{HOUR},70\n{HOUR + 1},61\n{HOUR + 2},62\n"
    _check_pages(stack, rejected.json()["files"][0]["id"])
    device.close()
    run = stack.manage("withdraw", replacing.json()["files"][0]["id"], "--reason", "a test")
    assert run.returncode == 0, run.stderr
    assert f"{HOUR},60\n" in stack.manage("export_samples", "ward", "hr").stdout
    device = Device(stack.device_url, stack.ca_file, folder / "other")
    assert device.register(stack.issue_psk("other")).status_code == 200
    assert device.upload(("hr", None, b"1560279600000,1\n")).status_code == 200
    device.close()
    run = stack.manage("forget", "other", "--yes")
    assert run.returncode == 0, run.stderr


def _check_pages(stack: Stack, rejected: str) -> None:
    browser = Browser(stack)
    browser.log_in(stack.superuser_name, stack.superuser_password)
    assert browser.is_in()
    results = browser.get("/api/v1/series").json()["results"]
    assert [(series["name"], series["count"]) for series in results] == [
        ("day", 2_880), ("hr", 3), ("recorded", 4_998),
    ]  # fmt: skip
    for page in (
        "/admin/",
        "/admin/analysis/compliance/",
        "/admin/ingest/measurement/",
        "/admin/ingest/measurement/?status__exact=rejected",
        "/admin/ingest/measurement/?q=ward",
        f"/admin/ingest/measurement/{rejected}/change/",
        "/admin/analysis/series/",
        "/admin/analysis/series/ward/hr/",
        "/admin/analysis/overview/",
        "/admin/analysis/overview/ward/",
        "/admin/ingest/sampleconflict/",
        "/admin/ingest/devicecertificate/",
        "/admin/ingest/registrationattempt/",
        "/admin/identities/identity/",
        "/admin/identities/presharedkey/",
        "/api/v1/series/ward/day/buckets?width=100",
        "/api/v1/series/ward/day/samples?format=csv",
        f"/api/v1/measurements/{rejected}",
        f"/api/v1/measurements/{rejected}/content",
    ):
        answer = browser.get(page)
        assert answer.status_code == 200, page
