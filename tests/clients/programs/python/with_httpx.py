"""httpx."""

from __future__ import annotations

import ssl

import httpx
from decisions import CA, CERT, KEY, URL, Answer, Files, run

context = ssl.create_default_context(cafile=CA)
context.load_cert_chain(CERT, KEY)
client = httpx.Client(verify=context, timeout=60)


def send(**body: object) -> Answer:
    answer = client.post(URL, **body)
    return answer.status_code, answer.headers, answer.text


def upload(files: Files) -> Answer:
    opened = {name: (path.name, path.open("rb"), "text/plain") for name, path in files.items()}
    return send(files=opened)


run(lambda psk: send(json={"PSK": psk}), upload)
