// Taking samples away: links for what is on the screen, their size, progress, and code.
import { size } from "./chart_text.js";
import { isoTime } from "./chart_times.js";

// Larger ones are left to the browser's own download: they would have to fit into its memory.
const LARGEST_WITH_PROGRESS = 200e6;
const panel = document.getElementById("series-export");
const part = (name) => document.getElementById(`series-${name}`);
let running = null;

/** Point every link at `query` (from and to, ISO 8601); null asks for all there is. */
export function showLinks(range) {
  for (const link of panel.querySelectorAll("a[data-address]")) {
    const address = new URL(link.dataset.address, location.href);
    if (range) {
      address.searchParams.set("from", isoTime(range.from));
      address.searchParams.set("to", isoTime(range.to));
    }
    link.href = address;
  }
  showSnippet();
}

/** Say beforehand how much it will be; `bytes` and `count` over all series. */
export function showSizes(count, bytes) {
  part("size").textContent = `${count.toLocaleString("en")} ${count === 1 ? "row" : "rows"}`;
  for (const link of panel.querySelectorAll("a[data-format]")) {
    const about = bytes?.[link.dataset.format];
    link.dataset.bytes = about ?? "";
    link.querySelector(".about").textContent = about ? `(about ${size(about)})` : "";
  }
}

// --- Progress -------------------------------------------------------------------------------

async function download(link) {
  running?.abort();
  running = new AbortController();
  part("progress").hidden = false;
  const answer = await fetch(link.href, { signal: running.signal });
  if (!answer.ok) {
    throw new Error((await answer.json()).detail);
  }
  const pieces = [];
  let done = 0;
  const expected = Number(link.dataset.bytes);
  part("bar").max = expected;
  for (const reader = answer.body.getReader(); ;) {
    const { value: piece, done: isEnd } = await reader.read();
    if (isEnd) {
      break;
    }
    pieces.push(piece);
    done += piece.length;
    part("bar").value = Math.min(done, expected);
    part("told").textContent = `${size(done)} of about ${size(expected)}`;
  }
  const name = /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition"))[1];
  save(new Blob(pieces), name);
  part("told").textContent = `${name}: ${size(done)}, complete.`;
}

function save(blob, name) {
  const address = URL.createObjectURL(blob);
  const link = Object.assign(document.createElement("a"), { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

panel.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-format]");
  const bytes = Number(link?.dataset.bytes);
  if (!link || !bytes || bytes > LARGEST_WITH_PROGRESS || event.ctrlKey || event.metaKey) {
    return;
  }
  event.preventDefault();
  try {
    await download(link);
  } catch (error) {
    part("told").textContent = error.name === "AbortError" ? "Stopped." : `It failed: ${error.message}`;
  }
});
part("stop").addEventListener("click", () => running?.abort());

// --- Code -----------------------------------------------------------------------------------

const TOKEN = "DEVICE_ENDPOINT_TOKEN";
const SNIPPETS = {
  pandas: ({ parquet }) => `import io
import os

import pandas
import requests

# The token is in ${TOKEN}; REQUESTS_CA_BUNDLE names the CA file of this server.
answer = requests.get(
    "${parquet}",
    headers={"Authorization": "Bearer " + os.environ["${TOKEN}"]},
    timeout=600,
)
answer.raise_for_status()
frame = pandas.read_parquet(io.BytesIO(answer.content))
frame.index = pandas.to_datetime(frame["time_ms"], unit="ms", utc=True)
print(frame["value"].describe())
`,
  polars: ({ parquet }) => `import io
import os

import polars
import requests

# The token is in ${TOKEN}; REQUESTS_CA_BUNDLE names the CA file of this server.
answer = requests.get(
    "${parquet}",
    headers={"Authorization": "Bearer " + os.environ["${TOKEN}"]},
    timeout=600,
)
answer.raise_for_status()
frame = polars.read_parquet(io.BytesIO(answer.content)).with_columns(
    time=polars.from_epoch("time_ms", time_unit="ms").dt.replace_time_zone("UTC")
)
print(frame.describe())
`,
  R: ({ csv }) => `# The token is in ${TOKEN}; CURL_CA_BUNDLE names the CA file of this server.
# Base R is enough.
options(timeout = 600)
file <- tempfile(fileext = ".csv")
download.file(
  "${csv}",
  file,
  method = "libcurl",
  headers = c(Authorization = paste("Bearer", Sys.getenv("${TOKEN}")))
)
frame <- read.csv(file)
frame$time <- as.POSIXct(frame$time_ms / 1000, origin = "1970-01-01", tz = "UTC")
print(summary(frame))
`,
  curl: ({ csv }) => `# The token is in ${TOKEN}; CURL_CA_BUNDLE names the CA file of this server.
# It goes through a pipe, so that no list of processes shows it.
printf 'Authorization: Bearer %s' "$${TOKEN}" |
  curl --fail --header @- --output samples.csv \\
    "${csv}"
`,
};
let language = "pandas";

function showSnippet() {
  const place = part("snippet");
  if (!place) {
    return; // several series come as a zip
  }
  const address = (format) => panel.querySelector(`a[data-format=${format}]`).href;
  place.textContent = SNIPPETS[language]({ csv: address("csv"), parquet: address("parquet") });
  for (const button of panel.querySelectorAll("[data-language]")) {
    button.setAttribute("aria-pressed", String(button.dataset.language === language));
  }
}

for (const button of panel.querySelectorAll("[data-language]")) {
  button.addEventListener("click", () => {
    language = button.dataset.language;
    showSnippet();
  });
}
