"""aiohttp."""

from __future__ import annotations

import asyncio
import ssl

import aiohttp
from decisions import CA, CERT, KEY, URL, Answer, Files, run

context = ssl.create_default_context(cafile=CA)
context.load_cert_chain(CERT, KEY)


async def send(**body: object) -> Answer:
    async with (
        aiohttp.ClientSession() as session,
        session.post(URL, ssl=context, **body) as answer,
    ):
        return answer.status, dict(answer.headers), await answer.text()


def upload(files: Files) -> Answer:
    form = aiohttp.FormData()
    for name, path in files.items():
        form.add_field(name, path.open("rb"), filename=path.name, content_type="text/plain")
    return asyncio.run(send(data=form))


run(lambda psk: asyncio.run(send(json={"PSK": psk})), upload)
