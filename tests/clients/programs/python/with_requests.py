"""requests."""

from __future__ import annotations

import requests
from decisions import CA, CERT, KEY, URL, Answer, Files, run

session = requests.Session()


def send(**body: object) -> Answer:
    answer = session.post(URL, cert=(CERT, KEY), verify=CA, timeout=60, **body)
    return answer.status_code, answer.headers, answer.text


def upload(files: Files) -> Answer:
    return send(
        files={name: (path.name, path.read_bytes(), "text/plain") for name, path in files.items()}
    )


run(lambda psk: send(json={"PSK": psk}), upload)
