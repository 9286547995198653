// The time range that the page shows. No DOM.
// Times are epoch milliseconds; a range includes its start and excludes its end.
import { parseTime } from "./chart_times.js";

const HOUR = 3600_000;
const DAY = 24 * HOUR;
const MIN_LENGTH = 10;

export const PRESETS = {
  "1h": HOUR,
  "24h": DAY,
  "7d": 7 * DAY,
  "30d": 30 * DAY,
  "1y": 365 * DAY,
  all: null,
};

/** Returns the range of a query; the default is the last day, or all if the series is shorter. */
export function readRange(query, extent) {
  const from = parseTime(query.get("from"));
  const to = parseTime(query.get("to"));
  if (from !== null && to !== null && from < to) {
    return { preset: null, from, to };
  }
  const requested = query.get("range");
  const fallback = extent.fromStart || extent.last - extent.first < DAY ? "all" : "24h";
  return makePresetRange(requested in PRESETS ? requested : fallback, extent);
}

/**
 * Returns the range of a preset, which ends at the last sample, so that old series have a "last
 * hour" too. If times count from the first sample, it starts there.
 */
export function makePresetRange(preset, { first, last, fromStart }) {
  const length = PRESETS[preset];
  const to = last + 1;
  if (length === null) {
    return { preset, from: first, to };
  }
  return fromStart ? { preset, from: 0, to: length } : { preset, from: Math.max(0, to - length), to };
}

/** Returns a custom range in whole milliseconds, not shorter than MIN_LENGTH. */
export function makeCustomRange(from, to) {
  const middle = (from + to) / 2;
  const half = Math.max(to - from, MIN_LENGTH) / 2;
  return { preset: null, from: Math.max(0, Math.floor(middle - half)), to: Math.ceil(middle + half) };
}

/** Writes the range into the query of the page. */
export function writeRange(query, range, clock) {
  for (const key of ["range", "from", "to"]) {
    query.delete(key);
  }
  if (range.preset !== null) {
    query.set("range", range.preset);
  } else {
    query.set("from", clock.formatForUrl(range.from));
    query.set("to", clock.formatForUrl(range.to));
  }
}
