// The page of a series: range, chart, the line of truth below it, and the table.
import { makeColumns } from "./chart_columns.js";
import { draw } from "./chart_drawing.js";
import {
  freeRange, inputTime, isoTime, parseTime, presetRange, readableLength, readableTime, readRange,
  writeRange,
} from "./chart_range.js";

const page = document.getElementById("series-page");
const first = Number(page.dataset.first);
const last = Number(page.dataset.last);
const part = (name) => document.getElementById(`series-${name}`);
const number = (value) => value.toLocaleString("en");
const value = (amount) => Number(amount.toPrecision(7)).toLocaleString("en", { maximumFractionDigits: 6 });

let range = readRange(location.search, first, last);
let shown = null; // what was drawn last: { columns, rows, lone, joined, width }
let chart = null;
let request = null;

// --- Range ----------------------------------------------------------------------------------

function go(wanted) {
  range = wanted;
  history.pushState(null, "", writeRange(range));
  load();
}

function zoom(factor) {
  const middle = (range.from + range.to) / 2;
  const half = ((range.to - range.from) / 2) * factor;
  go(freeRange(middle - half, middle + half));
}

function showRange() {
  for (const button of document.querySelectorAll("[data-preset]")) {
    button.setAttribute("aria-pressed", String(button.dataset.preset === range.preset));
  }
  part("from").value = inputTime(range.from, Math.floor);
  part("to").value = inputTime(range.to, Math.ceil);
  for (const link of document.querySelectorAll("[data-format]")) {
    const query = new URLSearchParams({
      from: isoTime(range.from), to: isoTime(range.to), format: link.dataset.format,
    });
    link.href = `${page.dataset.samples}?${query}`;
  }
}

// --- Loading --------------------------------------------------------------------------------

async function load() {
  showRange();
  say("");
  request?.abort();
  request = new AbortController();
  const most = Math.min(1000, Math.max(200, part("chart").clientWidth));
  const query = new URLSearchParams({ from: range.from, to: range.to, width: most });
  part("chart").setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(`${page.dataset.buckets}?${query}`, { signal: request.signal });
    const body = await answer.json();
    if (!answer.ok) {
      throw new Error(answer.status === 401 ? "You are signed out: sign in again." : body.detail);
    }
    show(body);
  } catch (error) {
    if (error.name === "AbortError") {
      return;
    }
    say(`The samples could not be loaded. ${error.message}`);
  }
  part("chart").setAttribute("aria-busy", "false");
}

function say(text) {
  part("message").textContent = text;
  part("message").hidden = text === "";
}

// --- Showing --------------------------------------------------------------------------------

function show(body) {
  shown = { ...makeColumns(body.buckets, body.width_ms, range), width: body.width_ms };
  drawChart();
  showTruth(body.buckets);
  showTable(body.buckets);
}

function drawChart() {
  chart?.destroy();
  chart = draw(part("chart"), shown, range, {
    onPoint: showPoint,
    onSelect: (from, to) => go(freeRange(from, to)),
    onReset: () => zoom(2),
  });
  showPoint(null);
}

function showTruth(buckets) {
  const samples = buckets.reduce((sum, bucket) => sum + bucket.count, 0);
  if (samples === 0) {
    part("truth").textContent =
      `No samples from ${readableTime(range.from)} to ${readableTime(range.to)} UTC. ` +
      `The series reaches from ${readableTime(first)} to ${readableTime(last)}: choose All.`;
    return;
  }
  part("truth").textContent =
    `${number(samples)} ${samples === 1 ? "sample" : "samples"} shown as ` +
    `${number(buckets.length)} ${buckets.length === 1 ? "bucket" : "buckets"} of ` +
    `${readableLength(shown.width)}. ` +
    `The line is open where nothing came for more than ${readableLength(shown.joined)}.`;
}

function showPoint(index) {
  const bucket = index === null || index === undefined ? null : shown.rows[index];
  part("point").textContent = bucket
    ? `${readableTime(bucket.time_ms)} UTC, ${readableLength(shown.width)}: ` +
      `mean ${value(bucket.mean)}, min ${value(bucket.min)}, max ${value(bucket.max)}, ` +
      `${number(bucket.count)} ${bucket.count === 1 ? "sample" : "samples"}`
    : "Point at the chart to read it; draw a stretch to zoom in, double-click to zoom out.";
}

function showTable(buckets) {
  part("caption").textContent = `Buckets of ${readableLength(shown.width)}; times are UTC`;
  part("rows").replaceChildren(
    ...buckets.map((bucket) => {
      const row = document.createElement("tr");
      const start = document.createElement("th");
      start.scope = "row";
      start.textContent = readableTime(bucket.time_ms);
      row.append(start);
      for (const text of [
        value(bucket.mean), value(bucket.min), value(bucket.max), number(bucket.count),
      ]) {
        row.insertCell().textContent = text;
      }
      return row;
    }),
  );
}

// --- Hands ----------------------------------------------------------------------------------

function moveCursor(by) {
  if (!chart || shown.rows.length === 0) {
    return;
  }
  let index = chart.cursor.idx ?? (by > 0 ? -1 : shown.rows.length);
  do {
    index += by;
  } while (shown.rows[index] === null);
  if (shown.rows[index]) {
    const left = chart.valToPos(shown.columns[0][index], "x");
    chart.setCursor({ left, top: chart.valToPos(shown.columns[1][index], "y") });
  }
}

const KEYS = {
  ArrowLeft: () => moveCursor(-1),
  ArrowRight: () => moveCursor(1),
  "+": () => zoom(0.5),
  "-": () => zoom(2),
  0: () => go(presetRange("all", first, last)),
};

part("chart").addEventListener("keydown", (event) => {
  if (event.key in KEYS && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    KEYS[event.key]();
  }
});

for (const button of document.querySelectorAll("[data-preset]")) {
  button.addEventListener("click", () => go(presetRange(button.dataset.preset, first, last)));
}

part("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const from = parseTime(part("from").value);
  const to = parseTime(part("to").value);
  if (from === null || to === null || from >= to) {
    say("Give two times such as 2019-06-11 19:30 (UTC), the first before the second.");
    return;
  }
  go({ preset: null, from, to });
});

window.addEventListener("popstate", () => {
  range = readRange(location.search, first, last);
  load();
});

let drawnWidth = part("chart").clientWidth;
new ResizeObserver(() => {
  if (chart && part("chart").clientWidth !== drawnWidth) {
    drawnWidth = part("chart").clientWidth;
    chart.setSize({ width: drawnWidth, height: chart.height });
  }
}).observe(part("chart"));

// A canvas does not follow the theme by itself.
const redraw = () => chart && drawChart();
new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

load();
