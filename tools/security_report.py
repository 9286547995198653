"""Count the security tests that pass, by topic: ``make security-report`` (``ONLY=header``).

Each topic of docs/explanation/threat-model.md is a set of test files, run against the real nginx,
gunicorn and PostgreSQL. The report has one line for each topic: cases run, cases passed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

TOPICS = {
    "header": (
        "tests/security/test_nginx_configuration.py",
        "tests/security/test_forged_headers.py",
        "tests/security/test_doctor.py",
        "tests/device_api/test_bad_certificate_headers.py",
        "tests/device_endpoint/test_nginx_answers.py",
        "tests/ingest/test_probe_mark.py",
    ),
    "certificates": (
        "tests/ingest/parsing/test_certificate_fields.py",
        "tests/ingest/parsing/test_certificate_header.py",
        "tests/ingest/parsing/test_certificate_policy.py",
        "tests/ingest/parsing/test_nginx_verdict.py",
        "tests/device_api/test_bad_certificates.py",
        "tests/device_api/test_contract_settings.py",
        "tests/device_api/test_contract_suspension.py",
        "tests/ingest/admin/test_certificates.py",
    ),
    "keys": (
        "tests/ingest/registration",
        "tests/device_api/test_contract_registration.py",
        "tests/device_api/test_contract_renewal.py",
        "tests/device_api/test_contract_throttle.py",
        "tests/device_api/test_registrations_in_parallel.py",
        "tests/device_api/test_quotas.py",
        "tests/security/test_secret_leakage.py",
    ),
    "input": (
        "tests/device_api/test_bad_http.py",
        "tests/device_api/test_bad_inputs.py",
        "tests/device_api/test_bad_input_catalogue.py",
        "tests/device_api/test_slow_clients.py",
        "tests/device_api/test_contract_gzip.py",
        "tests/device_api/test_contract_limits.py",
        "tests/device_api/test_contract_clients.py",
        "tests/ingest/parsing/test_multipart.py",
        "tests/ingest/parsing/test_multipart_boundary.py",
        "tests/ingest/parsing/test_protocol_example.py",
        "tests/ingest/parsing/test_registration_json.py",
    ),
    "strangers": (
        "tests/device_api/test_body_before_identity.py",
        "tests/device_api/test_interrupted_uploads.py",
        "tests/device_endpoint/test_nginx_config.py",
        "tests/ingest/parsing/test_gzip_members.py",
        "tests/ingest/test_bounded_work.py",
        "tests/ingest/test_sample_conflicts.py",
        "tests/ingest/test_stranger_refusals.py",
        "tests/security/test_bounded_caches.py",
        "tests/security/test_stream_places.py",
        "tests/reliability/test_slow_readers.py",
    ),
    "staff": (
        "tests/security/test_audit_log.py",
        "tests/security/test_audit_log_of_commands.py",
        "tests/security/test_login_throttle.py",
        "tests/security/test_pages.py",
        "tests/security/test_roles.py",
        "tests/security/test_mfa.py",
        "tests/security/test_csv_injection.py",
        "tests/security/test_admin_parameters.py",
        "tests/security/test_admin_fuzz.py",
        "tests/security/test_token_lifetime.py",
        "tests/identities/test_credential_card.py",
        "tests/identities/oidc",
        "tests/analysis/exports/test_damaged_files.py",
    ),
    "studies": (
        "tests/security/test_study_wall.py",
        "tests/security/test_two_roles.py",
        "tests/identities/test_study_members.py",
        "tests/identities/test_study_names.py",
        "tests/analysis/queries/test_study_role.py",
        "tests/alerts/test_study_recipients.py",
    ),
    "hygiene": (
        "tests/alerts/test_notifications.py",
        "tests/analysis/mirror/test_mirror.py",
        "tests/deployment/test_containers.py",
        "tests/device_endpoint/test_nginx_alone.py",
        "tests/device_endpoint/test_settings_refused.py",
        "tests/security/test_dependency_audit.py",
        "tests/security/test_deploy_checks.py",
        "tests/security/test_threat_model.py",
    ),
}


def run_tests(paths: Sequence[str]) -> tuple[int, int, list[str]]:
    """Run the tests in ``paths``; return the number of cases, of passed cases, and the failures."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-m", "not debian"]
        subprocess.run(
            [*command, f"--junitxml={report}", *paths], stdout=subprocess.DEVNULL, check=False
        )
        cases = list(ET.parse(report).iter("testcase"))  # noqa: S314 - pytest's own
    failures = [
        f"{case.get('classname')}::{case.get('name')}"
        for case in cases
        if case.find("failure") is not None or case.find("error") is not None
    ]
    return len(cases), len(cases) - len(failures), failures


def main() -> int:
    """Run the topics on the command line; return 1 if a case failed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("topics", nargs="*", metavar="TOPIC", help=", ".join(TOPICS))
    chosen = parser.parse_args().topics or list(TOPICS)
    if unknown := set(chosen) - set(TOPICS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(TOPICS)}")
    all_passed = True
    for topic in chosen:
        cases, passed, failures = run_tests(TOPICS[topic])
        sys.stdout.write(f"{topic}: {cases} cases tried, {passed} held\n")
        sys.stdout.writelines(f"  {case}\n" for case in failures)
        sys.stdout.flush()
        all_passed &= passed == cases > 0
    return 0 if all_passed else 1


if __name__ == "__main__":
    sys.exit(main())
