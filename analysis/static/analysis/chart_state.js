// What the address of the page asks for: range, time zone, how series are laid out. No DOM.
import { knownZone, makeClock, makeElapsed } from "./chart_times.js";
import { readRange, writeRange } from "./chart_range.js";

/** Where the time axis may go: from the first to the last sample of all series. */
export function findDomain(list, fromStart) {
  if (fromStart) {
    return { first: 0, last: Math.max(...list.map((each) => each.last - each.first)), fromStart };
  }
  const first = Math.min(...list.map((each) => each.first));
  return { first, last: Math.max(...list.map((each) => each.last)), fromStart };
}

/** The state that a query of the page holds. */
export function readState(search, list) {
  const query = new URLSearchParams(search);
  const fromStart = query.get("align") === "start";
  const zone = knownZone(query.get("tz") ?? "UTC");
  return {
    zone,
    clock: fromStart ? makeElapsed() : makeClock(zone),
    layout: query.get("layout") === "rows" ? "rows" : "overlay",
    align: fromStart ? "start" : "clock",
    follow: query.get("follow") !== "no",
    range: readRange(query, findDomain(list, fromStart)),
  };
}

/** The same as a query, beside the series that `search` names; what is usual is left out. */
export function writeState(search, state) {
  const query = new URLSearchParams(search);
  writeRange(query, state.range, state.clock);
  const put = (key, value, usual) => (value === usual ? query.delete(key) : query.set(key, value));
  put("tz", state.zone, "UTC");
  put("layout", state.layout, "overlay");
  put("align", state.align, "clock");
  put("follow", state.follow ? "yes" : "no", "yes");
  // Colons and slashes may stand in a query as they are, and people read the address.
  return `?${String(query).replaceAll("%3A", ":").replaceAll("%2F", "/")}`;
}
