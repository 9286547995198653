"""HTTP: what is decided first, what every error looks like, where a message ends."""

from __future__ import annotations

import ssl

from device_client.conformance.raw_http import expect, read
from device_client.conformance.target import (
    JSON,
    Subject,
    expect_problem,
    expect_problem_body,
    form,
)

TEXT = {"Content-Type": "text/plain"}
_LINGER = 0.2
# More than the 16 KB that servers take, little enough to be sent before one of them hangs up.
_TOO_LONG = 20_000


def path_before_method(subject: Subject) -> None:
    """Another path is a 404, whatever the method; a slash at the end is the same path."""
    for method in ("GET", "POST", "DELETE"):
        answer = subject.stranger.ask(method, headers=TEXT, path="/elsewhere")
        expect_problem(answer, 404, "not_found")
    answer = subject.stranger.ask(path=subject.stranger.path.rstrip("/") + "/")
    expect_problem(answer, 403, "certificate_not_bound")


def method_before_media_type(subject: Subject) -> None:
    """Another method is a 405 that names the right ones, before anything else is looked at."""
    for method in ("PUT", "PATCH", "DELETE", "OPTIONS"):
        answer = subject.nobody.ask(method, b"x", TEXT)
        expect_problem(answer, 405, "method_not_allowed")
        allowed = {name.strip() for name in answer.headers.get("allow", "").split(",")}
        expect({"GET", "HEAD", "POST"} <= allowed, f"Allow is {answer.headers.get('allow')!r}")


def media_type_before_certificate(subject: Subject) -> None:
    """Another media type or content encoding is a 415, even without a certificate."""
    for headers in (TEXT, {"Content-Type": "application/x-www-form-urlencoded"}, {}):
        answer = subject.nobody.ask("POST", b"x", headers)
        expect_problem(answer, 415, "unsupported_media_type")
    answer = subject.nobody.ask("POST", b"x", {**JSON, "Content-Encoding": "br"})
    expect_problem(answer, 415, "unsupported_content_encoding")


def errors_are_problems(subject: Subject) -> None:
    """Every error, the front's own included, is JSON with the same keys."""
    wire = subject.stranger
    long = "x" * _TOO_LONG
    sent = {
        "a broken request line": b"GET\r\n\r\n",
        "no Host": f"GET {wire.path} HTTP/1.1\r\n\r\n".encode(),
        "a long request line": wire.head("GET", f"{wire.path}?{long}", {}),
        "a long header": wire.head("GET", wire.path, {"X-Long": long}),
        "an unknown transfer encoding": wire.head("POST", wire.path, {"Transfer-Encoding": "x"}),
    }
    for what, request in sent.items():
        answer = wire.raw(request)
        expect(answer.status >= 400, f"{what} was answered {answer.status}")
        expect_problem_body(answer)


def request_ids_are_own(subject: Subject) -> None:
    """Every answer has a request id of its own in body and header; the client's is not taken."""
    seen = set()
    for _ in range(3):
        answer = subject.stranger.ask(headers={"X-Request-ID": "mine"})
        expect_problem(answer, 403, "certificate_not_bound")
        told = answer.json["request_id"]
        header = answer.headers.get("x-request-id")
        expect(told == header, f"the body says {told}, the header {header}")
        seen.add(told)
    expect(len(seen) == 3 and "mine" not in seen, "request ids repeat or are the client's")


def lengths_are_honest(subject: Subject) -> None:
    """Every answer ends where its Content-Length says; HEAD has no body."""
    answers = {
        "GET": subject.stranger.ask(linger=_LINGER),
        "HEAD": subject.stranger.ask("HEAD", linger=_LINGER),
        "POST": subject.stranger.ask("POST", b"x", TEXT, linger=_LINGER),
        "404": subject.stranger.ask(path="/elsewhere", linger=_LINGER),
    }
    for what, answer in answers.items():
        expect(not answer.surplus, f"{what}: bytes came after the end: {answer.surplus[:40]!r}")
        length = answer.headers.get("content-length")
        if what != "HEAD" and length is not None:
            expect(length == str(len(answer.body)), f"{what}: {len(answer.body)} of {length} bytes")
    expect(answers["HEAD"].status == answers["GET"].status, "HEAD and GET differ in status")


def refusals_keep_step(subject: Subject) -> None:
    """After a refused body the next request on the same connection is answered, not the body."""
    wire = subject.stranger
    body = wire.head("DELETE", "/from-the-body", {})
    with wire.connect() as connection:
        length = {"Content-Length": str(len(body))}
        connection.sendall(wire.head("POST", wire.path, TEXT | length) + body)
        expect_problem(read(connection, "POST"), 415, "unsupported_media_type")
        try:
            connection.sendall(wire.head("GET", wire.path, {}))
            answer = read(connection)
        except (ConnectionError, ssl.SSLEOFError):
            return  # closed after the refusal: in step as well
    expect_problem(answer, 403, "certificate_not_bound")


def smuggling_refused(subject: Subject) -> None:
    """A request with two lengths, or a length and chunks, is refused."""
    wire = subject.stranger
    for more in ("Transfer-Encoding: chunked\r\n", "Content-Length: 1\r\n"):
        lines = f"POST {wire.path} HTTP/1.1\r\nHost: {wire.host}\r\nContent-Type: text/plain\r\n"
        answer = wire.raw(f"{lines}Content-Length: 5\r\n{more}\r\n0\r\n\r\n".encode())
        expect(answer.status == 400, f"expected 400, found {answer.told()}")
        expect_problem_body(answer)


def limit_is_the_published(subject: Subject) -> None:
    """A body of as many bytes as published passes the front; one byte more is a 413."""
    subject.needs_registration()
    limit = subject.limits.get("request_bytes")
    expect(isinstance(limit, int), "no limit is published")
    size = limit if isinstance(limit, int) else 0
    # A media type that is refused only after the body has passed: nothing is to be stored.
    answer = subject.device.ask("POST", bytes(size), TEXT)
    expect(answer.status == 415, f"{size} bytes: expected 415, found {answer.told()}")
    body, headers = form(subject.new_file())
    answer = subject.device.ask("POST", body + bytes(size + 1 - len(body)), headers)
    expect_problem(answer, 413, "request_too_large")


CHECKS = (
    path_before_method,
    method_before_media_type,
    media_type_before_certificate,
    errors_are_problems,
    request_ids_are_own,
    lengths_are_honest,
    refusals_keep_step,
    smuggling_refused,
    limit_is_the_published,
)
