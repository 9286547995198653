// The page of one or several series: range, chart, line of truth, numbers, table, export.
import { makeColumns } from "./chart_columns.js";
import { DASHES, draw } from "./chart_drawing.js";
import { showLinks, showSizes } from "./chart_export.js";
import { showLegend } from "./chart_legend.js";
import { findLimits } from "./chart_plausible_range.js";
import { freeRange, presetRange } from "./chart_range.js";
import { findDomain, readState, writeState } from "./chart_state.js";
import { browserZone, inputTime, makeClock, makeElapsed } from "./chart_times.js";
import { showNumbers, showRows, tableCaption } from "./chart_tables.js";
import { point, truth } from "./chart_text.js";

const POLL_MS = 5000;
const POINTS = 2000; // so many samples are drawn one by one
const part = (name) => document.getElementById(`series-${name}`);
const bound = (text) => (text === "" ? null : Number(text));
const list = Array.from(document.querySelectorAll("[data-series]"), (element) => ({
  element,
  title: element.dataset.series,
  address: element.dataset.address,
  unit: element.dataset.unit,
  label: element.dataset.label,
  low: bound(element.dataset.low),
  high: bound(element.dataset.high),
  first: Number(element.dataset.first),
  last: Number(element.dataset.last),
  shown: null, // what was drawn last, of makeColumns
}));

let state = readState(location.search, list);
let charts = [];
let request = null;

const domain = () => findDomain(list, state.align === "start");
const shift = (each) => (state.align === "start" ? each.first : 0);
/** The shown range in a series' own time. */
const rangeOf = (each) => ({ from: state.range.from + shift(each), to: state.range.to + shift(each) });

// --- State ----------------------------------------------------------------------------------

function change(wanted) {
  state = { ...state, ...wanted };
  history.pushState(null, "", writeState(location.search, state));
  load();
}

const go = (range) => change({ range });

function zoom(factor) {
  const middle = (state.range.from + state.range.to) / 2;
  const half = ((state.range.to - state.range.from) / 2) * factor;
  go(freeRange(middle - half, middle + half));
}

function pan(part) {
  const by = Math.round((state.range.to - state.range.from) * part);
  const from = Math.max(0, state.range.from + by);
  go({ preset: null, from, to: from + state.range.to - state.range.from });
}

function showState() {
  for (const button of document.querySelectorAll("[data-preset]")) {
    button.setAttribute("aria-pressed", String(button.dataset.preset === state.range.preset));
  }
  for (const name of ["layout", "align"]) {
    if (part(name)) {
      part(name).value = state[name];
    }
  }
  if (!Array.from(part("zone").options).some((option) => option.value === state.zone)) {
    part("zone").append(new Option(state.zone, state.zone)); // an older name of a zone
  }
  part("zone").value = state.zone;
  part("zone").disabled = state.align === "start";
  part("follow").checked = state.follow;
  part("from").value = inputTime(state.clock, state.range.from, Math.floor);
  part("to").value = inputTime(state.clock, state.range.to, Math.ceil);
  for (const place of document.querySelectorAll("[data-zone]")) {
    place.textContent = state.clock.zone;
  }
  for (const each of list) {
    const { readable, suffix } = state.align === "start" ? makeClock("UTC") : state.clock;
    each.element.querySelector("[data-reach]").textContent =
      `${readable(each.first)} to ${readable(each.last)}${suffix}`;
  }
  showLinks(state.align === "start" && list.length > 1 ? null : rangeOf(list[0]));
}

// --- Loading --------------------------------------------------------------------------------

async function ask(address, parameters, signal) {
  const answer = await fetch(`${address}?${new URLSearchParams(parameters)}`, { signal });
  const body = await answer.json();
  if (!answer.ok) {
    throw new Error(answer.status === 401 ? "You are signed out: sign in again." : body.detail);
  }
  return body;
}

async function load() {
  showState();
  say("");
  request?.abort();
  request = new AbortController();
  const { signal } = request;
  const width = Math.min(1000, Math.max(200, part("chart").clientWidth));
  part("chart").setAttribute("aria-busy", "true");
  part("numbers").setAttribute("aria-busy", "true");
  try {
    const bodies = await Promise.all(list.map((each) => (
      ask(`${each.address}/buckets`, { ...rangeOf(each), width, points: POINTS }, signal)
    )));
    show(bodies);
    await loadNumbers(signal);
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

function show(bodies) {
  list.forEach((each, index) => {
    each.shown = makeColumns(bodies[index], rangeOf(each), each, shift(each));
  });
  drawCharts();
  part("truth").textContent = truth(list, state);
  part("caption").textContent = tableCaption(list, state.clock);
  showRows(part("rows"), list, state.clock, shift);
  part("chart").setAttribute("aria-busy", "false");
}

function drawCharts() {
  charts.forEach((chart) => chart.destroy());
  part("chart").replaceChildren();
  const hands = {
    onPoint: showPoint,
    onSelect: (from, to) => go(freeRange(from, to)),
    onReset: () => zoom(2),
  };
  if (state.layout === "overlay") {
    charts = [draw(part("chart"), list, state.range, state.clock, hands)];
  } else {
    charts = list.map((each, index) => {
      const row = part("chart").appendChild(document.createElement("div"));
      const title = row.appendChild(document.createElement("p"));
      title.className = "row-title";
      title.textContent = each.title;
      return draw(row, [each], state.range, state.clock, { ...hands, first: index, height: 220 });
    });
  }
  // uPlot knows what its axes span once it has drawn, right after this.
  queueMicrotask(() => showLegend(part("legend"), list, findLimits(list), charts, DASHES));
  showPoint(null);
}

/** The row of a series that lies nearest to a place of the time axis, if one is near. */
function nearest(each, time) {
  const { columns, rows, joined } = each.shown;
  let best = null;
  columns[0].forEach((at, index) => {
    if (rows[index] && (best === null || Math.abs(at - time) < Math.abs(columns[0][best] - time))) {
      best = index;
    }
  });
  return best !== null && Math.abs(columns[0][best] - time) <= joined ? rows[best] : null;
}

function showPoint(chart) {
  const index = chart?.cursor.idx;
  if (index === null || index === undefined || !list[0].shown) {
    part("point").textContent =
      "Point at the chart to read it; draw a stretch to zoom in, double-click to zoom out.";
    return;
  }
  const time = chart.data[0][index];
  part("point").replaceChildren(...list.map((each) => {
    const line = document.createElement("span");
    const row = nearest(each, time);
    const text = row ? point(each, row, state.clock, shift(each)) : "no data here";
    line.textContent = list.length > 1 ? `${each.title}: ${text}` : text;
    return line;
  }));
}

async function loadNumbers(signal) {
  const found = await Promise.all(
    list.map((each) => ask(`${each.address}/summary`, rangeOf(each), signal)),
  );
  showNumbers(part("numbers-head"), part("numbers"), list, found);
  part("numbers").setAttribute("aria-busy", "false");
  part("about").hidden = found.every((each) => each.is_exact);
  const bytes = {};
  for (const each of found) {
    for (const [format, amount] of Object.entries(each.bytes)) {
      bytes[format] = (bytes[format] ?? 0) + amount;
    }
  }
  const whole = state.align === "start" && list.length > 1;
  showSizes(found.reduce((sum, each) => sum + each.count, 0), whole ? null : bytes);
}

// --- Hands ----------------------------------------------------------------------------------

function moveCursor(by) {
  const [chart] = charts;
  const times = chart?.data[0] ?? [];
  const isData = (index) => list.some((each) => nearest(each, times[index]));
  let index = chart?.cursor.idx ?? (by > 0 ? -1 : times.length);
  do {
    index += by;
  } while (index >= 0 && index < times.length && !isData(index));
  if (index >= 0 && index < times.length) {
    const top = chart.bbox.height / devicePixelRatio / 2;
    chart.setCursor({ left: chart.valToPos(times[index], "x"), top });
    showPoint({ cursor: { idx: index }, data: chart.data });
  }
}

const KEYS = {
  ArrowLeft: () => moveCursor(-1),
  ArrowRight: () => moveCursor(1),
  "Shift+ArrowLeft": () => pan(-0.5),
  "Shift+ArrowRight": () => pan(0.5),
  "+": () => zoom(0.5),
  "-": () => zoom(2),
  0: () => go(presetRange("all", domain())),
};

part("chart").addEventListener("keydown", (event) => {
  const arrow = event.shiftKey && event.key.startsWith("Arrow");
  const key = arrow ? `Shift+${event.key}` : event.key;
  if (key in KEYS && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    KEYS[key]();
  }
});

const ACTIONS = { in: () => zoom(0.5), out: () => zoom(2), earlier: () => pan(-0.5), later: () => pan(0.5) };
for (const button of document.querySelectorAll("[data-action]")) {
  button.addEventListener("click", ACTIONS[button.dataset.action]);
}
for (const button of document.querySelectorAll("[data-preset]")) {
  button.addEventListener("click", () => go(presetRange(button.dataset.preset, domain())));
}

part("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const from = state.clock.parse(part("from").value);
  const to = state.clock.parse(part("to").value);
  if (from === null || to === null || from >= to) {
    say(`Give two times as they are written here, ${state.clock.zone}, the first before the second.`);
    return;
  }
  go({ preset: null, from, to });
});

part("zone").append(...["browser", ...Intl.supportedValuesOf("timeZone")].map((zone) => (
  new Option(zone === "browser" ? `this browser's (${browserZone()})` : zone, zone)
)));
part("zone").addEventListener("change", () => (
  change({ zone: part("zone").value, clock: makeClock(part("zone").value) })
));
part("follow").addEventListener("change", () => change({ follow: part("follow").checked }));
part("layout")?.addEventListener("change", () => change({ layout: part("layout").value }));
part("align")?.addEventListener("change", () => {
  const align = part("align").value;
  const clock = align === "start" ? makeElapsed() : makeClock(state.zone);
  change({ align, clock, range: presetRange("all", findDomain(list, align === "start")) });
});

for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    const told = button.parentElement.querySelector(".copied");
    const wanted = button.dataset.copy;
    const text = wanted === "address" ? location.href : document.querySelector(wanted).textContent;
    try {
      await navigator.clipboard.writeText(text);
      told.textContent = "Copied.";
    } catch {
      told.textContent = wanted === "address" ? "The address bar holds it." : "Select it and copy.";
    }
  });
}

window.addEventListener("popstate", () => {
  state = readState(location.search, list);
  load();
});

// --- Following ------------------------------------------------------------------------------

async function poll() {
  if (!state.follow || document.hidden || part("chart").getAttribute("aria-busy") === "true") {
    return;
  }
  const before = list.map((each) => each.last).join();
  try {
    for (const each of list) {
      const found = await ask(each.address, {});
      [each.first, each.last] = [found.first_ms, found.last_ms];
    }
  } catch {
    return; // the next load says what is wrong
  }
  if (list.map((each) => each.last).join() !== before) {
    part("live").textContent = "New samples came just now.";
    if (state.range.preset !== null) {
      state.range = presetRange(state.range.preset, domain());
    }
    load();
  } else {
    part("live").textContent = "";
  }
}
setInterval(poll, POLL_MS);

let drawnWidth = part("chart").clientWidth;
new ResizeObserver(() => {
  if (part("chart").clientWidth !== drawnWidth) {
    drawnWidth = part("chart").clientWidth;
    charts.forEach((chart) => chart.setSize({ width: drawnWidth, height: chart.height }));
  }
}).observe(part("chart"));

// A canvas does not follow the theme by itself.
const redraw = () => charts.length && drawCharts();
new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

load();
