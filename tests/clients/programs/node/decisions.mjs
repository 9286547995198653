// What the Node clients share: the command line, and what a device does with an answer.
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

export const { URL: url, CA, CERT, KEY } = process.env;
export const tls = () => ({ ca: readFileSync(CA), cert: readFileSync(CERT), key: readFileSync(KEY) });

// `register` and `upload` resolve to { status, retryAfter, body }.
export async function run(register, upload) {
  const [command, ...files] = process.argv.slice(2);
  const named = files.map((file) => [file.slice(0, file.indexOf("=")), file.slice(file.indexOf("=") + 1)]);
  const psk = command === "register" ? readFileSync(0, "utf8") : "";
  let answer;
  for (let attempt = 0; attempt < 5; attempt++) {
    answer = psk ? await register(JSON.stringify({ PSK: psk })) : await upload(named);
    if (![429, 503].includes(answer.status)) break;
    await sleep(Number(answer.retryAfter) * 1000);
  }
  const refused = [400, 413, 415, 422].includes(answer.status);
  console.log(answer.status, answer.status === 200 ? "delete" : refused ? "set aside" : "keep");
  console.log(answer.body);
}
