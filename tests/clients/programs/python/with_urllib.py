"""urllib, which builds no forms."""

from __future__ import annotations

import json
import ssl
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from decisions import CA, CERT, KEY, URL, Answer, Files, run

context = ssl.create_default_context(cafile=CA)
context.load_cert_chain(CERT, KEY)


def send(body: bytes, content_type: str) -> Answer:
    request = Request(URL, body, {"Content-Type": content_type})  # noqa: S310
    try:
        with urlopen(request, context=context, timeout=60) as answer:  # noqa: S310
            return answer.status, answer.headers, answer.read().decode()
    except HTTPError as error:
        return error.code, error.headers, error.read().decode()


def upload(files: Files) -> Answer:
    body = b""
    for name, path in files.items():
        head = f'Content-Disposition: form-data; name="{name}"; filename="{path.name}"'
        body += f"--B\r\n{head}\r\n\r\n".encode() + path.read_bytes() + b"\r\n"
    return send(body + b"--B--\r\n", "multipart/form-data; boundary=B")


run(lambda psk: send(json.dumps({"PSK": psk}).encode(), "application/json"), upload)
