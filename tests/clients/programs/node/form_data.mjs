// form-data with node:https: the form is a stream, sent in chunks.
import FormData from "form-data";
import { createReadStream } from "node:fs";
import { request } from "node:https";
import { run, tls, url } from "./decisions.mjs";

function send(body, headers) {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method: "POST", headers, ...tls() }, async (answer) => {
      const chunks = await answer.toArray();
      resolve({
        status: answer.statusCode,
        retryAfter: answer.headers["retry-after"],
        body: Buffer.concat(chunks).toString(),
      });
    });
    outgoing.on("error", reject);
    if (typeof body === "string") outgoing.end(body);
    else body.pipe(outgoing);
  });
}

await run(
  (json) => send(json, { "Content-Type": "application/json" }),
  (files) => {
    const form = new FormData();
    for (const [name, path] of files) form.append(name, createReadStream(path));
    return send(form, form.getHeaders());
  },
);
