// Downloads: links for the range shown, their estimated size, progress, and code snippets.
/* global gettext, interpolate */
import { countSamples, fill, formatBytes } from "./chart_text.js";
import { formatIso } from "./chart_times.js";

// Larger files are left to the browser: a download with progress is held in memory.
const MAX_BYTES_WITH_PROGRESS = 200e6;
const panel = document.getElementById("series-export");
const part = (name) => document.getElementById(`series-${name}`);
let running = null;

/** Sets the range of every link; null removes it, for all samples. */
export function showLinks(range) {
  for (const link of panel.querySelectorAll("a[data-url]")) {
    const url = new URL(link.dataset.url, location.href);
    if (range) {
      url.searchParams.set("from", formatIso(range.from));
      url.searchParams.set("to", formatIso(range.to));
    }
    link.href = url;
  }
  showSnippet();
}

/** Shows the estimated sizes; `count` and `bytes` are totals of all series. */
export function showSizes(count, bytes) {
  part("size").textContent = countSamples(count);
  for (const link of panel.querySelectorAll("a[data-format]")) {
    const estimate = bytes?.[link.dataset.format];
    link.dataset.bytes = estimate ?? "";
    link.querySelector(".estimate").textContent = estimate
      ? interpolate(gettext("(about %s)"), [formatBytes(estimate)]) : "";
  }
}

// --- Progress -------------------------------------------------------------------------------

async function download(link) {
  running?.abort();
  running = new AbortController();
  part("progress").hidden = part("bar").hidden = part("stop").hidden = false;
  const response = await fetch(link.href, { signal: running.signal });
  if (!response.ok) {
    throw new Error((await response.json()).detail);
  }
  const chunks = [];
  let received = 0;
  const expected = Number(link.dataset.bytes);
  part("bar").max = expected;
  for (const reader = response.body.getReader(); ;) {
    const { value: chunk, done } = await reader.read();
    if (done) {
      break;
    }
    chunks.push(chunk);
    received += chunk.length;
    part("bar").value = Math.min(received, expected);
    part("progress-text").textContent = fill(gettext("%(received)s of about %(expected)s"), {
      received: formatBytes(received), expected: formatBytes(expected),
    });
  }
  const name = /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition"))[1];
  save(new Blob(chunks), name);
  part("progress-text").textContent = fill(gettext("%(name)s: %(size)s, complete."), {
    name, size: formatBytes(received),
  });
}

function save(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = Object.assign(document.createElement("a"), { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

panel.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-format]");
  const bytes = Number(link?.dataset.bytes);
  if (!link || !bytes || bytes > MAX_BYTES_WITH_PROGRESS || event.ctrlKey || event.metaKey) {
    return;
  }
  event.preventDefault();
  try {
    await download(link);
  } catch (error) {
    part("progress-text").textContent = error.name === "AbortError"
      ? gettext("Download stopped.") : interpolate(gettext("Download failed: %s"), [error.message]);
  }
  part("bar").hidden = part("stop").hidden = true;
});
part("stop").addEventListener("click", () => running?.abort());

// --- Code -----------------------------------------------------------------------------------

const TOKEN = "DEVICE_ENDPOINT_TOKEN";
const requestParquet = (library, url) => `import io
import os

import ${library}
import requests

# The token is in ${TOKEN}; REQUESTS_CA_BUNDLE names the CA file of this server.
response = requests.get(
    "${url}",
    headers={"Authorization": "Bearer " + os.environ["${TOKEN}"]},
    timeout=600,
)
response.raise_for_status()
`;
const SNIPPETS = {
  pandas: ({ parquet }) => `${requestParquet("pandas", parquet)}frame = pandas.read_parquet(io.BytesIO(response.content))
frame.index = pandas.to_datetime(frame["time_ms"], unit="ms", utc=True)
print(frame["value"].describe())
`,
  polars: ({ parquet }) => `${requestParquet("polars", parquet)}frame = polars.read_parquet(io.BytesIO(response.content)).with_columns(
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
# The pipe keeps it out of the process list.
printf 'Authorization: Bearer %s' "$${TOKEN}" |
  curl --fail --header @- --output samples.csv \\
    "${csv}"
`,
};
let language = "pandas";

function showSnippet() {
  const element = part("snippet");
  if (!element) {
    return; // several series are downloaded as a zip
  }
  const urlOf = (format) => panel.querySelector(`a[data-format=${format}]`).href;
  element.textContent = SNIPPETS[language]({ csv: urlOf("csv"), parquet: urlOf("parquet") });
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
