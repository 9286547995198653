// The state of the page, kept in its URL: range, time zone, layout, alignment. No DOM.
import { makeClock, makeElapsedClock, normalizeZone } from "./chart_times.js";
import { readRange, writeRange } from "./chart_range.js";

/** Returns the extent of the time axis: from the first to the last sample of all series. */
export function findExtent(list, fromStart) {
  if (fromStart) {
    return { first: 0, last: Math.max(...list.map((series) => series.last - series.first)), fromStart };
  }
  const first = Math.min(...list.map((series) => series.first));
  return { first, last: Math.max(...list.map((series) => series.last)), fromStart };
}

/** Returns the state that the page's query holds. */
export function readState(search, list) {
  const query = new URLSearchParams(search);
  const fromStart = query.get("align") === "start";
  const zone = normalizeZone(query.get("tz") ?? "UTC");
  return {
    zone,
    clock: fromStart ? makeElapsedClock() : makeClock(zone),
    layout: query.get("layout") === "rows" ? "rows" : "overlay",
    align: fromStart ? "start" : "clock",
    follow: query.get("follow") !== "no",
    hidden: query.getAll("hide"),
    range: readRange(query, findExtent(list, fromStart)),
  };
}

/** Returns the state as a query, with the series of `search` and without default values. */
export function writeState(search, state) {
  const query = new URLSearchParams(search);
  writeRange(query, state.range, state.clock);
  const put = (key, value, fallback) => (value === fallback ? query.delete(key) : query.set(key, value));
  put("tz", state.zone, "UTC");
  put("layout", state.layout, "overlay");
  put("align", state.align, "clock");
  query.delete("hide");
  state.hidden.forEach((title) => query.append("hide", title));
  put("follow", state.follow ? "yes" : "no", "yes");
  // Colons and slashes are valid in a query unescaped, and readable.
  return `?${String(query).replaceAll("%3A", ":").replaceAll("%2F", "/")}`;
}
