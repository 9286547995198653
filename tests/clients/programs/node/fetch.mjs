// fetch, from undici, as in browsers.
import { openAsBlob } from "node:fs";
import { basename } from "node:path";
import { Agent, FormData, fetch } from "undici";
import { run, tls, url } from "./decisions.mjs";

const dispatcher = new Agent({ connect: tls() });

async function send(body, headers = {}) {
  const answer = await fetch(url, { method: "POST", body, headers, dispatcher });
  return { status: answer.status, retryAfter: answer.headers.get("retry-after"), body: await answer.text() };
}

await run(
  (json) => send(json, { "Content-Type": "application/json" }),
  async (files) => {
    const form = new FormData();
    for (const [name, path] of files) form.append(name, await openAsBlob(path), basename(path));
    return send(form);
  },
);
await dispatcher.close();
