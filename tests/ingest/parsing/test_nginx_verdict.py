"""A closed list decides nginx's verdicts, and every request checks the dates again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ingest.parsing.certificate_policy import Verdict, check_validity, read_verdict

UNKNOWN_ISSUER = [
    "FAILED:self-signed certificate",
    "FAILED:self signed certificate",
    "FAILED:self-signed certificate in certificate chain",
    "FAILED:self signed certificate in certificate chain",
    "FAILED:unable to get local issuer certificate",
    "FAILED:certificate not trusted",
    "FAILED:unable to verify the first certificate",
]


def test_a_certificate_that_nginx_verified_passes() -> None:
    assert read_verdict("SUCCESS") is None


@pytest.mark.parametrize("verify", UNKNOWN_ISSUER)
def test_an_unknown_issuer_passes(verify: str) -> None:
    assert read_verdict(verify) is None


DATES = {
    "FAILED:certificate has expired": "certificate_expired",
    "FAILED:certificate is not yet valid": "certificate_not_yet_valid",
}


@pytest.mark.parametrize("verify", DATES)
def test_verdicts_about_dates_count_with_a_device_ca_only(verify: str) -> None:
    assert read_verdict(verify) is None
    assert read_verdict(verify, require_issuer=True) == Verdict(DATES[verify])  # type: ignore[arg-type]


@pytest.mark.parametrize("verify", UNKNOWN_ISSUER)
def test_an_unknown_issuer_is_refused_with_a_device_ca(verify: str) -> None:
    assert read_verdict(verify, require_issuer=True) == Verdict("certificate_unacceptable", "chain")
    assert read_verdict("SUCCESS", require_issuer=True) is None


@pytest.mark.parametrize("verify", ["NONE", ""])
def test_no_certificate_is_missing(verify: str) -> None:
    assert read_verdict(verify) == Verdict("certificate_missing")


@pytest.mark.parametrize(
    ("verify", "code", "reason"),
    [
        ("FAILED:EE certificate key too weak", "certificate_unacceptable", "key"),
        ("FAILED:unsupported certificate purpose", "certificate_unacceptable", "usage"),
        ("FAILED:unsuitable certificate purpose", "certificate_unacceptable", "usage"),
        ("FAILED:unhandled critical extension", "certificate_unacceptable", "extension"),
        (
            "FAILED:Certificate public key has explicit ECC parameters",
            "certificate_unacceptable",
            "curve",
        ),
        ("FAILED:certificate signature failure", "certificate_unacceptable", "chain"),
        ("FAILED:certificate chain too long", "certificate_unacceptable", "chain"),
        ("FAILED:certificate revoked", "certificate_unacceptable", "chain"),
    ],
)
def test_refusals_of_nginx_have_their_reason(verify: str, code: str, reason: str | None) -> None:
    assert read_verdict(verify) == (code, reason)


@pytest.mark.parametrize(
    "verify",
    [
        "success",
        "SUCCESS ",
        "SUCCESS,SUCCESS",
        "FAILED",
        "FAILED:",
        "FAILED:SUCCESS",
        "FAILED:something new",
        "self-signed certificate",
        "FAILED:self-signed certificate,SUCCESS",
        "none",
        "0",
    ],
)
def test_a_text_that_is_not_known_refuses(verify: str) -> None:
    assert read_verdict(verify) == Verdict("certificate_unacceptable", "chain")


START = datetime(2026, 1, 1, tzinfo=UTC)
END = datetime(2027, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize("now", [START, START + SECOND, END - SECOND, END])
def test_within_its_dates_a_certificate_passes(now: datetime) -> None:
    assert check_validity(START, END, now) is None


def test_outside_its_dates_a_certificate_is_refused() -> None:
    assert check_validity(START, END, START - SECOND) == Verdict("certificate_not_yet_valid")
    assert check_validity(START, END, END + SECOND) == Verdict("certificate_expired")


def test_the_grace_counts_before_the_start_only() -> None:
    early = START - 5 * SECOND
    assert check_validity(START, END, early, 5 * SECOND) is None
    assert check_validity(START, END, early - SECOND, 5 * SECOND) is not None
    assert check_validity(START, END, END + SECOND, 5 * SECOND) is not None
