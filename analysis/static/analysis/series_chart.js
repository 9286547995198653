// The chart page of one or several series: range, chart, description, statistics, table, export.
/* global gettext, interpolate */
import { makeColumns } from "./chart_columns.js";
import { draw, findHeight } from "./chart_drawing.js";
import { drawEvents, mergeEvents, showAnnotateLink, showEvents } from "./chart_events.js";
import { showLinks, showSizes } from "./chart_export.js";
import { nameImage, saveImage } from "./chart_image.js";
import { showLegend } from "./chart_legend.js";
import { findPlausibleRanges } from "./chart_plausible_range.js";
import { makeCustomRange, makePresetRange } from "./chart_range.js";
import { findExtent, readState, writeState } from "./chart_state.js";
import { formatInput, getBrowserZone, makeClock, makeElapsedClock } from "./chart_times.js";
import { makeCaption, showRows, showStatistics } from "./chart_tables.js";
import { MARKED_AHEAD, describeAhead, describeChart, describeNotKept, describePoint } from "./chart_text.js";

const POLL_INTERVAL_MS = 5000;
const MAX_POINTS = 2000; // ranges with at most this many samples are drawn as samples
const part = (name) => document.getElementById(`series-${name}`);
const parseBound = (text) => (text === "" ? null : Number(text));
const list = Array.from(document.querySelectorAll("[data-series]"), (element, index) => ({
  element,
  index,
  title: element.dataset.series,
  apiUrl: element.dataset.apiUrl,
  eventsUrl: element.dataset.eventsUrl,
  unit: element.dataset.unit,
  label: element.dataset.label,
  low: parseBound(element.dataset.low),
  high: parseBound(element.dataset.high),
  first: Number(element.dataset.first),
  last: Number(element.dataset.last),
  drawn: null, // the result of makeColumns for the range shown
  notKept: null, // the values of the range that are not kept as sent
  isHidden: false,
}));

let state = readState(location.search, list);
let charts = [];
let request = null;
let events = []; // what happened in the range shown

const loadedAt = performance.now();
/** Returns the time of the server in epoch milliseconds: a browser's clock may be wrong too. */
const now = () => Number(document.getElementById("series-page").dataset.now) + performance.now() - loadedAt;
const visible = () => list.filter((series) => !series.isHidden);
const extent = () => findExtent(list, state.align === "start");
const shift = (series) => (state.align === "start" ? series.first : 0);
/** Returns the range shown in epoch milliseconds of the series. */
const rangeOf = (series) => (
  { from: state.range.from + shift(series), to: state.range.to + shift(series) }
);

// --- State ----------------------------------------------------------------------------------

function change(changes) {
  state = { ...state, ...changes };
  history.pushState(null, "", writeState(location.search, state));
  load();
}

const showRange = (range) => change({ range });

function zoom(factor) {
  const middle = (state.range.from + state.range.to) / 2;
  const half = ((state.range.to - state.range.from) / 2) * factor;
  showRange(makeCustomRange(middle - half, middle + half));
}

function pan(fraction) {
  const distance = Math.round((state.range.to - state.range.from) * fraction);
  const from = Math.max(0, state.range.from + distance);
  showRange({ preset: null, from, to: from + state.range.to - state.range.from });
}

/** Hides or shows a series; the last one shown cannot be hidden. */
function toggle(series) {
  const hidden = state.hidden.filter((title) => title !== series.title);
  const isShown = hidden.length < state.hidden.length;
  const next = isShown ? hidden : [...hidden, series.title];
  if (next.length < list.length) {
    state = { ...state, hidden: next };
    history.pushState(null, "", writeState(location.search, state));
    showState();
    drawCharts();
    part("legend").querySelectorAll("button")[series.index]?.focus();
  }
}

function showState() {
  list.forEach((series) => { series.isHidden = state.hidden.includes(series.title); });
  for (const button of document.querySelectorAll("[data-preset]")) {
    button.setAttribute("aria-pressed", String(button.dataset.preset === state.range.preset));
  }
  for (const name of ["layout", "align"]) {
    if (part(name)) {
      part(name).value = state[name];
    }
  }
  if (!Array.from(part("zone").options).some((option) => option.value === state.zone)) {
    part("zone").append(new Option(state.zone, state.zone)); // an alias that the browser does not list
  }
  part("zone").value = state.zone;
  part("zone").disabled = state.align === "start";
  part("follow").checked = state.follow;
  const length = state.range.to - state.range.from;
  part("from").value = formatInput(state.clock, state.range.from, Math.floor, length);
  part("to").value = formatInput(state.clock, state.range.to, Math.ceil, length);
  for (const element of document.querySelectorAll("[data-zone]")) {
    element.textContent = state.clock.zone;
  }
  for (const series of list) {
    const { format, suffix } = state.align === "start" ? makeClock("UTC") : state.clock;
    series.element.querySelector("[data-extent]").textContent =
      `${format(series.first)} ${gettext("to")} ${format(series.last)}${suffix}`;
  }
  showAnnotateLink(rangeOf(list[0]));
  showLinks(state.align === "start" && list.length > 1 ? null : rangeOf(list[0]));
}

// --- Loading --------------------------------------------------------------------------------

async function fetchJson(url, parameters, signal) {
  const response = await fetch(`${url}?${new URLSearchParams(parameters)}`, { signal });
  const body = await response.json();
  if (!response.ok) {
    throw new Error(response.status === 401 ? gettext("Your session has ended. Sign in again.") : body.detail);
  }
  return body;
}

async function load() {
  showState();
  showMessage("");
  request?.abort();
  request = new AbortController();
  const { signal } = request;
  const width = Math.min(1000, Math.max(200, part("chart").clientWidth));
  part("chart").setAttribute("aria-busy", "true");
  part("statistics").setAttribute("aria-busy", "true");
  try {
    const bodies = await Promise.all(list.map((series) => (
      fetchJson(`${series.apiUrl}/buckets`, { ...rangeOf(series), width, points: MAX_POINTS }, signal)
    )));
    show(bodies);
    await Promise.all([loadNotKept(signal), loadStatistics(signal), loadEvents(signal)]);
  } catch (error) {
    if (error.name === "AbortError") {
      return;
    }
    showMessage(`${gettext("The samples could not be loaded.")} ${error.message}`);
  }
  part("chart").setAttribute("aria-busy", "false");
}

async function loadEvents(signal) {
  const bodies = await Promise.all(
    list.map((series) => fetchJson(series.eventsUrl, rangeOf(series), signal)),
  );
  events = mergeEvents(list, bodies, shift);
  showEvents(events, state.clock);
  if (events.length) {
    drawCharts();
  }
}

async function loadNotKept(signal) {
  const bodies = await Promise.all(
    list.map((series) => fetchJson(`${series.apiUrl}/not-kept`, rangeOf(series), signal)),
  );
  list.forEach((series, index) => {
    const times = bodies[index].times.map((each) => (
      { time: each.time_ms - shift(series), values: each.values }
    ));
    series.notKept = { ...bodies[index], times };
  });
  const text = describeNotKept(list);
  part("not-kept").textContent = text;
  part("not-kept").hidden = text === "";
  if (list.some((series) => series.notKept.times.length)) {
    drawCharts();
  }
}

function showMessage(text) {
  part("message").textContent = text;
  part("message").hidden = text === "";
}

// --- Showing --------------------------------------------------------------------------------

function show(bodies) {
  list.forEach((series, index) => {
    series.drawn = makeColumns(bodies[index], rangeOf(series), series, shift(series));
    series.notKept = null;
  });
  events = [];
  drawCharts();
  part("description").textContent = describeChart(list, state) + describeAhead(list, now());
  part("caption").textContent = makeCaption(list, state.clock);
  showRows(part("rows"), list, state.clock, shift);
  part("chart").setAttribute("aria-busy", "false");
}

function drawCharts() {
  charts.forEach((chart) => chart.destroy());
  part("chart").replaceChildren();
  const handlers = {
    onPoint: showPoint,
    onSelect: (from, to) => showRange(makeCustomRange(from, to)),
    onReset: () => zoom(2),
    drawMarks: (chart) => drawEvents(chart, events),
    now: state.align === "clock" && list.some((series) => series.last - now() > MARKED_AHEAD) ? now() : null,
  };
  if (state.layout === "overlay") {
    charts = [draw(part("chart"), visible(), state.range, state.clock, handlers)];
  } else {
    charts = visible().map((series) => {
      const row = part("chart").appendChild(document.createElement("div"));
      const title = row.appendChild(document.createElement("p"));
      title.className = "row-title";
      title.textContent = series.title;
      return draw(row, [series], state.range, state.clock, { ...handlers, height: findHeight(0.25, 220) });
    });
  }
  // uPlot computes its scales when it draws, in a microtask after this one.
  queueMicrotask(() => showLegend(part("legend"), list, findPlausibleRanges(visible()), charts, toggle));
  showPoint(null);
}

/** Returns the row of a series nearest to a time on the axis; null inside a gap. */
function findNearest(series, time) {
  const { columns, rowsByIndex, maxJoined } = series.drawn;
  let best = null;
  const distance = (index) => Math.abs(columns[0][index] - time);
  columns[0].forEach((_, index) => {
    if (rowsByIndex[index] && (best === null || distance(index) < distance(best))) {
      best = index;
    }
  });
  return best !== null && distance(best) <= maxJoined ? rowsByIndex[best] : null;
}

function showPoint(chart) {
  const index = chart?.cursor.idx;
  if (index === null || index === undefined || !list[0].drawn) {
    part("point").textContent =
      gettext("Hover to read values; drag to zoom in; double-click to zoom out.");
    return;
  }
  const time = chart.data[0][index];
  part("point").replaceChildren(...visible().map((series) => {
    const line = document.createElement("span");
    const row = findNearest(series, time);
    const text = row ? describePoint(series, row, state.clock, shift(series)) : gettext("no data here");
    line.textContent = list.length > 1 ? `${series.title}: ${text}` : text;
    return line;
  }));
}

async function loadStatistics(signal) {
  const summaries = await Promise.all(
    list.map((series) => fetchJson(`${series.apiUrl}/summary`, rangeOf(series), signal)),
  );
  showStatistics(part("statistics-head"), part("statistics"), list, summaries);
  part("statistics").setAttribute("aria-busy", "false");
  part("estimates").hidden = summaries.every((summary) => !summary.percentile_error
    && (summary.implausible?.is_exact ?? true));
  const bytes = {};
  for (const summary of summaries) {
    for (const [format, amount] of Object.entries(summary.bytes)) {
      bytes[format] = (bytes[format] ?? 0) + amount;
    }
  }
  const isWhole = state.align === "start" && list.length > 1;
  const count = summaries.reduce((sum, summary) => sum + summary.count, 0);
  showSizes(count, isWhole ? null : bytes);
}

// --- Input ----------------------------------------------------------------------------------

function moveCursor(step) {
  const [chart] = charts;
  const times = chart?.data[0] ?? [];
  const hasData = (index) => visible().some((series) => findNearest(series, times[index]));
  let index = chart?.cursor.idx ?? (step > 0 ? -1 : times.length);
  do {
    index += step;
  } while (index >= 0 && index < times.length && !hasData(index));
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
  0: () => showRange(makePresetRange("all", extent())),
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
  button.addEventListener("click", () => showRange(makePresetRange(button.dataset.preset, extent())));
}

part("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const from = state.clock.parse(part("from").value);
  const to = state.clock.parse(part("to").value);
  if (from === null || to === null || from >= to) {
    showMessage(state.align === "start"
      ? gettext("Enter a start and a later end as elapsed times, such as 1 d 12:30.")
      : interpolate(gettext("Enter a start and a later end as YYYY-MM-DD HH:MM (%s)."), [state.clock.zone]));
    return;
  }
  showRange({ preset: null, from, to });
});

part("zone").append(...["browser", ...Intl.supportedValuesOf("timeZone")].map((zone) => (
  new Option(zone === "browser" ? interpolate(gettext("browser (%s)"), [getBrowserZone()]) : zone, zone)
)));
part("zone").addEventListener("change", () => (
  change({ zone: part("zone").value, clock: makeClock(part("zone").value) })
));
part("follow").addEventListener("change", () => change({ follow: part("follow").checked }));
part("layout")?.addEventListener("change", () => change({ layout: part("layout").value }));
part("align")?.addEventListener("change", () => {
  const align = part("align").value;
  const clock = align === "start" ? makeElapsedClock() : makeClock(state.zone);
  change({ align, clock, range: makePresetRange("all", findExtent(list, align === "start")) });
});

for (const button of document.querySelectorAll("[data-save]")) {
  button.addEventListener("click", () => {
    const shown = state.layout === "overlay" ? [visible()] : visible().map((series) => [series]);
    saveImage(button.dataset.save, charts, shown, nameImage(list, state), events)
      .catch((error) => showMessage(`${gettext("The image could not be made.")} ${error.message}`));
  });
}

for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    const status = button.parentElement.querySelector(".copied");
    const source = button.dataset.copy;
    const text = source === "url" ? location.href : document.querySelector(source).textContent;
    try {
      await navigator.clipboard.writeText(text);
      status.textContent = gettext("Copied.");
    } catch {
      status.textContent = source === "url" ? gettext("Copy it from the address bar.")
        : gettext("Select and copy the code.");
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
  const before = list.map((series) => series.last).join();
  try {
    for (const series of list) {
      const body = await fetchJson(series.apiUrl, {});
      [series.first, series.last] = [body.first_ms, body.last_ms];
    }
  } catch {
    return; // the next load shows the error
  }
  if (list.map((series) => series.last).join() !== before) {
    part("live").textContent = gettext("New samples arrived.");
    if (state.range.preset !== null) {
      state.range = makePresetRange(state.range.preset, extent());
    }
    load();
  } else {
    part("live").textContent = "";
  }
}
setInterval(poll, POLL_INTERVAL_MS);

let drawnWidth = part("chart").clientWidth;
new ResizeObserver(() => {
  if (part("chart").clientWidth !== drawnWidth) {
    drawnWidth = part("chart").clientWidth;
    charts.forEach((chart) => chart.setSize({ width: drawnWidth, height: chart.height }));
  }
}).observe(part("chart"));

// The canvas must be redrawn when the theme changes, and on paper, which is light and narrower.
const redraw = () => charts.length && drawCharts();
window.matchMedia("print").addEventListener("change", redraw);
new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

load();
