"""Write a dump of a filled database to ``tests/data/migrations/``, for ``test_migrations``.

Run it once for each landed state of the migrations, and never change a dump afterwards:
``.venv/bin/python -m tests.ingest.dump_filled_database 0002`` writes ``0002.sql.gz``.
"""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from pathlib import Path

import django

FOLDER = Path(__file__).resolve().parents[1] / "data" / "migrations"


def main(name: str) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    django.setup()
    from django.conf import settings  # noqa: PLC0415 - settings are configured now
    from django.core.management import call_command  # noqa: PLC0415

    from device_endpoint.supervisor.embedded_postgres import EmbeddedPostgres  # noqa: PLC0415
    from device_endpoint.supervisor.executables import postgres_folder  # noqa: PLC0415
    from device_endpoint.supervisor.process import Program  # noqa: PLC0415

    var_dir = Path(settings.VAR_DIR)
    binaries = postgres_folder()
    postgres = EmbeddedPostgres(var_dir, binaries, var_dir / "postgres.log")
    postgres.prepare()
    server = Program(postgres.spec())
    server.start()
    try:
        postgres.wait_until_ready(lambda: None)
        call_command("migrate", verbosity=0)
        fill()
        call_command("verify")
        database = settings.DATABASES["default"]
        command = [
            str(binaries / "pg_dump"), "--inserts", "--no-owner", "--no-privileges",
            "--host", str(database["HOST"]), "--username", str(database["USER"]),
            str(database["NAME"]),
        ]  # fmt: skip
        dump = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    finally:
        server.send(server.spec.stop_signal)
        server.wait(server.spec.stop_seconds)
    # Not SQL, or unknown to PostgreSQL 15.
    lines = [
        line
        for line in dump.splitlines(keepends=True)
        if not line.startswith(("\\", "SET transaction_timeout"))
    ]
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.sql.gz").write_bytes(gzip.compress("".join(lines).encode(), mtime=0))


def fill() -> None:
    """Store synthetic rows in every table of the product."""
    from datetime import UTC, datetime, timedelta  # noqa: PLC0415

    from django.contrib.auth.models import User  # noqa: PLC0415

    from alerts.models import (  # noqa: PLC0415
        Incident,
        MonitorHeartbeat,
        Notification,
        NotificationItem,
    )
    from identities.access_tokens import AccessToken  # noqa: PLC0415
    from identities.audit.models import AuditEvent  # noqa: PLC0415
    from identities.credentials import issue_psk  # noqa: PLC0415
    from identities.studies import Study, StudyIdentity, StudyMember  # noqa: PLC0415
    from ingest.certificate_reassignment import reassign  # noqa: PLC0415
    from ingest.certificate_renewal import issue_renewal_key  # noqa: PLC0415
    from ingest.maintenance.compaction import compact  # noqa: PLC0415
    from ingest.maintenance.retention import prune  # noqa: PLC0415
    from ingest.maintenance.withdrawal import withdraw  # noqa: PLC0415
    from ingest.models import (  # noqa: PLC0415
        CertificateRefusal,
        DailyUsage,
        DeviceCertificate,
        Measurement,
        RegistrationAttempt,
        RetentionPolicy,
    )
    from tests.ingest.maintenance.factories import (  # noqa: PLC0415
        DAY_MS,
        MORNING,
        make_certificate,
        make_identity,
        send,
    )

    user = User.objects.create_superuser("ada", password=None)
    AccessToken.objects.create(user=user, digest=b"\x01" * 32, hint="det_abcd")
    AuditEvent.objects.create(username="ada", action="add", object_repr="bed-1")
    first, second = make_identity("bed"), make_identity("bed")
    old, other = make_certificate(first), make_certificate(first)
    key, _ = issue_psk(first)
    DeviceCertificate.objects.filter(pk=other.pk).update(bound_with=key)
    RegistrationAttempt.objects.create(outcome="registered", identity=first, sha256=old.sha256)
    issue_renewal_key(old.pk)
    study = Study.objects.create(name="Sleep", time_zone="Europe/Amsterdam")
    StudyIdentity.objects.create(study=study, identity=first, participant_code="P-1")
    StudyMember.objects.create(study=study, user=user, role="viewer")
    CertificateRefusal.objects.create(
        certificate=old, at=datetime(2026, 3, 2, tzinfo=UTC), code="unreadable_file", status=422
    )
    send(old, {MORNING + 1000 * i: 60.0 + i % 7 for i in range(9000)})
    send(other, {MORNING + 1000 * i: 61.5 for i in range(100)})
    send(old, {MORNING - 400 * DAY_MS + i * i: 0.1 * i for i in range(500)}, name="ibi")
    send(old, b"rubbish", name="notes")
    axes = "".join(f"{MORNING + i}.25,0.{i % 10},-{i},\n" for i in range(300))
    send(old, f"time,x,y,z\n{axes}".encode(), name="acc")
    mistake = send(other, {MORNING + 7: 700.0}, name="mistake")
    compact()
    withdraw(Measurement.objects.get(pk=mistake.id), by="ada", reason="wrong patient")
    RetentionPolicy.objects.create(identity=first, keep_days=300)
    list(prune(MORNING, "ada"))
    reassign(other, second, by="ada", reason="swapped")
    send(DeviceCertificate.objects.get(pk=other.pk), {MORNING + DAY_MS: -0.0})
    now = datetime(2026, 3, 2, tzinfo=UTC)
    DailyUsage.objects.create(identity=first, day=now.date(), bytes=1000)
    MonitorHeartbeat.objects.create(pk=1, last_run_at=now)
    incident = Incident.objects.create(kind="late", identity=first, name="hr", started_at=now)
    Incident.objects.create(
        kind="expiring", identity=first, certificate=old, ended_at=now + timedelta(days=1)
    )
    notification = Notification.objects.create(channel="email", sent_at=now)
    NotificationItem.objects.create(
        notification=notification, incident=incident, channel="email", event="late"
    )


if __name__ == "__main__":
    main(sys.argv[1])
