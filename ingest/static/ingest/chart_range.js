// Which stretch of time is shown, and how times are written. No DOM.
// Times are epoch milliseconds; a range holds its start and not its end.

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const SHORTEST = 5 * SECOND;
const LATEST_DATE = 8.64e15; // what Date can hold

export const PRESETS = {
  "1h": HOUR,
  "24h": DAY,
  "7d": 7 * DAY,
  "30d": 30 * DAY,
  "1y": 365 * DAY,
  all: null,
};

/** The range that the address asks for; without one, the last day, or all where that is less. */
export function readRange(search, first, last) {
  const query = new URLSearchParams(search);
  const from = parseTime(query.get("from"));
  const to = parseTime(query.get("to"));
  if (from !== null && to !== null && from < to) {
    return { preset: null, from, to };
  }
  const asked = query.get("range");
  const usual = last - first < DAY ? "all" : "24h";
  return presetRange(asked in PRESETS ? asked : usual, first, last);
}

/** A preset counts back from the last sample: old recordings have a "last hour" too. */
export function presetRange(preset, first, last) {
  const length = PRESETS[preset];
  const to = last + 1;
  return { preset, from: length === null ? first : to - length, to };
}

/** A range chosen by hand, in whole milliseconds and never too short to be seen. */
export function freeRange(from, to) {
  const middle = (from + to) / 2;
  const half = Math.max(to - from, SHORTEST) / 2;
  return { preset: null, from: Math.max(0, Math.floor(middle - half)), to: Math.ceil(middle + half) };
}

/** The same range as a query of the page. */
export function writeRange(range) {
  if (range.preset !== null) {
    return `?range=${range.preset}`;
  }
  return `?from=${isoTime(range.from)}&to=${isoTime(range.to)}`;
}

/** ISO 8601 without an offset is UTC; only digits are epoch milliseconds. Else null. */
export function parseTime(text) {
  if (text === null || text.trim() === "") {
    return null;
  }
  if (/^\d{1,16}$/.test(text)) {
    return Number(text);
  }
  const [, day, clock, offset] =
    /^\s*(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:?\d\d)?)?\s*$/i.exec(text) ?? [];
  const time = Date.parse(`${day}T${clock ?? "00:00"}${offset ?? "Z"}`);
  return Number.isNaN(time) ? null : Math.max(0, time);
}

export function isoTime(time) {
  return time > LATEST_DATE ? String(time) : new Date(time).toISOString().replace(".000Z", "Z");
}

/** "2019-06-11 19:03:55", with milliseconds where there are any. */
export function readableTime(time) {
  return isoTime(time).replace("T", " ").replace("Z", "");
}

/** What a person is given to edit: whole seconds, rounded by `round` so that none is lost. */
export function inputTime(time, round) {
  return readableTime(round(time / SECOND) * SECOND);
}

/** "2 min", "1.5 h", "7 d": the largest unit that needs at most one decimal. */
export function readableLength(length) {
  const units = [[DAY, "d"], [HOUR, "h"], [MINUTE, "min"], [SECOND, "s"]];
  const [size, name] = units.find(([unit]) => length >= unit) ?? [1, "ms"];
  return `${Number((length / size).toFixed(1)).toLocaleString("en")} ${name}`;
}

/** Labels for the marks of the time axis; the day stands below the first, and where it changes. */
export function axisLabels(times, step) {
  let shownDay = "";
  return times.map((time) => {
    if (time === null) {
      return "";
    }
    const [day, clock] = new Date(time).toISOString().slice(0, 23).split("T");
    if (step >= DAY) {
      return day;
    }
    const digits = step >= MINUTE ? 5 : step >= SECOND ? 8 : 12;
    const label = day === shownDay ? clock.slice(0, digits) : `${clock.slice(0, digits)}\n${day}`;
    shownDay = day;
    return label;
  });
}
