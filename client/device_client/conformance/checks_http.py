"""HTTP: order of refusals, error format, message boundaries."""

from __future__ import annotations

import ssl

from device_client.conformance.raw_http import expect, read
from device_client.conformance.target import (
    JSON,
    Target,
    encode_form,
    expect_problem,
    expect_problem_body,
)

TEXT = {"Content-Type": "text/plain"}
_SURPLUS_SECONDS = 0.2
# Exceeds the usual server limit of 16 KB; a client can send it before the server closes.
_OVERSIZED_LENGTH = 20_000


def path_before_method(target: Target) -> None:
    """Any other path is a 404 for every method; a trailing slash makes no difference."""
    for method in ("GET", "POST", "DELETE"):
        response = target.unregistered.request(method, headers=TEXT, path="/elsewhere")
        expect_problem(response, 404, "not_found")
    response = target.unregistered.request(path=target.unregistered.path.rstrip("/") + "/")
    expect_problem(response, 403, "certificate_not_bound")


def method_before_media_type(target: Target) -> None:
    """Any other method is a 405 that lists the allowed ones, before any other check."""
    for method in ("PUT", "PATCH", "DELETE", "OPTIONS"):
        response = target.anonymous.request(method, b"x", TEXT)
        expect_problem(response, 405, "method_not_allowed")
        allowed = {name.strip() for name in response.headers.get("allow", "").split(",")}
        expect({"GET", "HEAD", "POST"} <= allowed, f"Allow is {response.headers.get('allow')!r}")


def media_type_before_certificate(target: Target) -> None:
    """Any other media type or content encoding is a 415, even without a certificate."""
    for headers in (TEXT, {"Content-Type": "application/x-www-form-urlencoded"}, {}):
        response = target.anonymous.request("POST", b"x", headers)
        expect_problem(response, 415, "unsupported_media_type")
    response = target.anonymous.request("POST", b"x", {**JSON, "Content-Encoding": "br"})
    expect_problem(response, 415, "unsupported_content_encoding")


def errors_are_problems(target: Target) -> None:
    """Every error, the reverse proxy's own included, is JSON with the same keys."""
    client = target.unregistered
    long = "x" * _OVERSIZED_LENGTH
    requests = {
        "a broken request line": b"GET\r\n\r\n",
        "no Host": f"GET {client.path} HTTP/1.1\r\n\r\n".encode(),
        "a long request line": client.format_head("GET", f"{client.path}?{long}", {}),
        "a long header": client.format_head("GET", client.path, {"X-Long": long}),
        "an unknown transfer encoding": client.format_head(
            "POST", client.path, {"Transfer-Encoding": "x"}
        ),
    }
    for what, request in requests.items():
        response = client.send_raw(request)
        expect(response.status >= 400, f"{what} was answered {response.status}")
        expect_problem_body(response)


def request_ids_are_own(target: Target) -> None:
    """Every response has a new request id in body and header; the client's id is ignored."""
    seen = set()
    for _ in range(3):
        response = target.unregistered.request(headers={"X-Request-ID": "mine"})
        expect_problem(response, 403, "certificate_not_bound")
        request_id = response.json["request_id"]
        header = response.headers.get("x-request-id")
        expect(request_id == header, f"the body says {request_id}, the header {header}")
        seen.add(request_id)
    expect(len(seen) == 3 and "mine" not in seen, "request ids repeat or are the client's")


def lengths_are_honest(target: Target) -> None:
    """Every response has the length of its Content-Length; a response to HEAD has no body."""
    responses = {
        "GET": target.unregistered.request(surplus_seconds=_SURPLUS_SECONDS),
        "HEAD": target.unregistered.request("HEAD", surplus_seconds=_SURPLUS_SECONDS),
        "POST": target.unregistered.request("POST", b"x", TEXT, surplus_seconds=_SURPLUS_SECONDS),
        "404": target.unregistered.request(path="/elsewhere", surplus_seconds=_SURPLUS_SECONDS),
    }
    for what, response in responses.items():
        expect(
            not response.surplus,
            f"{what}: bytes follow the response: {response.surplus[:40]!r}",
        )
        length = response.headers.get("content-length")
        if what != "HEAD" and length is not None:
            expect(
                length == str(len(response.body)), f"{what}: {len(response.body)} of {length} bytes"
            )
    expect(responses["HEAD"].status == responses["GET"].status, "HEAD and GET differ in status")


def refusals_keep_step(target: Target) -> None:
    """A refused body is not read as the next request on the same connection."""
    client = target.unregistered
    body = client.format_head("DELETE", "/from-the-body", {})
    with client.connect() as connection:
        length = {"Content-Length": str(len(body))}
        connection.sendall(client.format_head("POST", client.path, TEXT | length) + body)
        expect_problem(read(connection, "POST"), 415, "unsupported_media_type")
        try:
            connection.sendall(client.format_head("GET", client.path, {}))
            response = read(connection)
        except (ConnectionError, ssl.SSLEOFError):
            return  # the server closed the connection after the refusal: correct too
    expect_problem(response, 403, "certificate_not_bound")


def smuggling_refused(target: Target) -> None:
    """A request with two lengths, or with a length and chunked encoding, is refused."""
    client = target.unregistered
    for more in ("Transfer-Encoding: chunked\r\n", "Content-Length: 1\r\n"):
        lines = (
            f"POST {client.path} HTTP/1.1\r\nHost: {client.host}\r\nContent-Type: text/plain\r\n"
        )
        response = client.send_raw(f"{lines}Content-Length: 5\r\n{more}\r\n0\r\n\r\n".encode())
        expect(response.status == 400, f"expected 400, found {response.describe()}")
        expect_problem_body(response)


def limit_is_the_published(target: Target) -> None:
    """A body of the published maximum size passes the proxy; one byte more is a 413."""
    target.require_registration()
    limit = target.limits.get("request_bytes")
    expect(isinstance(limit, int), "no limit is published")
    size = limit if isinstance(limit, int) else 0
    # The server refuses this media type only after the body has arrived, and stores nothing.
    response = target.device.request("POST", bytes(size), TEXT)
    expect(response.status == 415, f"{size} bytes: expected 415, found {response.describe()}")
    body, headers = encode_form(target.new_file())
    response = target.device.request("POST", body + bytes(size + 1 - len(body)), headers)
    expect_problem(response, 413, "request_too_large")


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
