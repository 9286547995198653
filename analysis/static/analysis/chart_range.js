// Which stretch of time is shown. No DOM.
// Times are epoch milliseconds; a range holds its start and not its end.
import { parseTime } from "./chart_times.js";

const HOUR = 3600_000;
const DAY = 24 * HOUR;
const SHORTEST = 5000;

export const PRESETS = {
  "1h": HOUR,
  "24h": DAY,
  "7d": 7 * DAY,
  "30d": 30 * DAY,
  "1y": 365 * DAY,
  all: null,
};

/** The range that a query asks for; without one, the last day, or all where that is less. */
export function readRange(query, domain) {
  const from = parseTime(query.get("from"));
  const to = parseTime(query.get("to"));
  if (from !== null && to !== null && from < to) {
    return { preset: null, from, to };
  }
  const asked = query.get("range");
  const usual = domain.fromStart || domain.last - domain.first < DAY ? "all" : "24h";
  return presetRange(asked in PRESETS ? asked : usual, domain);
}

/**
 * A preset counts back from the last sample: old recordings have a "last hour" too. Where times
 * count from the start, it counts forward.
 */
export function presetRange(preset, { first, last, fromStart }) {
  const length = PRESETS[preset];
  const to = last + 1;
  if (length === null) {
    return { preset, from: first, to };
  }
  return fromStart ? { preset, from: 0, to: length } : { preset, from: Math.max(0, to - length), to };
}

/** A range chosen by hand, in whole milliseconds and never too short to be seen. */
export function freeRange(from, to) {
  const middle = (from + to) / 2;
  const half = Math.max(to - from, SHORTEST) / 2;
  return { preset: null, from: Math.max(0, Math.floor(middle - half)), to: Math.ceil(middle + half) };
}

/** Write the range into the query of the page. */
export function writeRange(query, range, clock) {
  for (const key of ["range", "from", "to"]) {
    query.delete(key);
  }
  if (range.preset !== null) {
    query.set("range", range.preset);
  } else {
    query.set("from", clock.write(range.from));
    query.set("to", clock.write(range.to));
  }
}
