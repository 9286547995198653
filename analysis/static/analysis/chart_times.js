// Formats and parses times, in a time zone or as elapsed time. No DOM.
/* global gettext, interpolate */
// Times are epoch milliseconds; elapsed times are milliseconds since the first sample.

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const MAX_DATE = 8.64e15; // of JavaScript's Date
const SHORT_RANGE = MINUTE; // ranges up to it are entered with milliseconds
const ISO = /^\s*(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)\s*(Z|[+-]\d\d:?\d\d)?)?\s*$/i;

export function formatIso(time) {
  return time > MAX_DATE ? String(time) : new Date(time).toISOString().replace(".000Z", "Z");
}

/** Returns the digits of a time finer than milliseconds: "250" for microseconds, else "". */
function formatMicroseconds(time) {
  const micro = Math.round((time - Math.floor(time)) * 1000) % 1000;
  return micro ? String(micro).padStart(3, "0") : "";
}

/** Parses ISO 8601 (UTC without an offset) or epoch milliseconds; returns null for other text. */
export function parseTime(text) {
  return parseIn(text, (guess) => guess);
}

function parseIn(text, localToEpoch) {
  if (text === null || text === undefined || text.trim() === "") {
    return null;
  }
  if (/^\d{1,16}$/.test(text)) {
    return Number(text);
  }
  const [, day, clock, offset] = ISO.exec(text) ?? [];
  const guess = Date.parse(`${day}T${clock ?? "00:00"}${offset ?? "Z"}`);
  if (Number.isNaN(guess)) {
    return null;
  }
  return Math.max(0, offset ? guess : localToEpoch(guess));
}

export function getBrowserZone() {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** Returns "browser" or an IANA name; unknown time zones become "UTC". */
export function normalizeZone(zone) {
  if (zone === "browser") {
    return "browser";
  }
  try {
    Intl.DateTimeFormat("en", { timeZone: zone });
    return zone;
  } catch {
    return "UTC";
  }
}

/** Returns a formatter and parser of times in `zone`: "UTC", "browser" or an IANA name. */
export function makeClock(zone) {
  const timeZone = zone === "browser" ? getBrowserZone() : zone;
  const formatter = new Intl.DateTimeFormat("en", {
    timeZone, hourCycle: "h23", fractionalSecondDigits: 3,
    year: "numeric", month: "2-digit", day: "2-digit",
    hour: "2-digit", minute: "2-digit", second: "2-digit",
  });
  const split = (time) => {
    const part = Object.fromEntries(formatter.formatToParts(time).map(({ type, value }) => [type, value]));
    const day = `${part.year.padStart(4, "0")}-${part.month}-${part.day}`;
    return { day, clock: `${part.hour}:${part.minute}:${part.second}.${part.fractionalSecond}` };
  };
  const offset = (time) => {
    const { day, clock } = split(time);
    return Date.parse(`${day}T${clock}Z`) - time;
  };
  const localToEpoch = (guess) => guess - offset(guess - offset(guess));
  return {
    zone: timeZone,
    axisZone: timeZone === "UTC" ? "Etc/UTC" : timeZone,
    split,
    format(time) {
      if (time > MAX_DATE) {
        return `${time} ms`;
      }
      const { day, clock } = split(Math.floor(time));
      const finer = formatMicroseconds(time);
      return `${day} ${finer ? clock + finer : clock.replace(/\.000$/, "")}`;
    },
    parse: (text) => parseIn(text, localToEpoch),
    formatForUrl: formatIso,
    suffix: ` ${timeZone}`,
  };
}

/** Returns the same for elapsed times. */
export function makeElapsedClock() {
  const split = (time) => {
    const days = Math.floor(time / DAY);
    return { day: interpolate(gettext("day %s"), [days + 1]), clock: new Date(time - days * DAY).toISOString().slice(11, 23) };
  };
  return {
    zone: gettext("from the start"),
    axisZone: "Etc/UTC",
    split,
    format(time) {
      const { clock } = split(Math.floor(time));
      const days = Math.floor(time / DAY);
      const finer = formatMicroseconds(time);
      return `${days ? `${days} d ` : ""}${finer ? clock + finer : clock.replace(/\.000$/, "")}`;
    },
    parse(text) {
      const [, days, clock] = /^\s*(?:(\d+) ?d)?\s*(\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?\s*$/.exec(text) ?? [];
      if (/^\d{1,16}$/.test(text)) {
        return Number(text);
      }
      const time = Date.parse(`1970-01-01T${clock ?? "00:00"}Z`) + Number(days ?? 0) * DAY;
      return (days ?? clock) === undefined || Number.isNaN(time) ? null : time;
    },
    formatForUrl: String,
    suffix: ` ${gettext("after the start")}`,
  };
}

/**
 * Formats an end of a range of `length` for an input: short ranges to the millisecond, longer ones
 * in whole seconds, rounded by `round` (Math.floor or Math.ceil).
 */
export function formatInput(clock, time, round, length) {
  return clock.format(length <= SHORT_RANGE ? time : round(time / SECOND) * SECOND);
}

/** Formats a duration in its largest unit, with one decimal: "2 min", "1.5 h", "7 d". */
export function formatLength(length) {
  const units = [[DAY, "d"], [HOUR, "h"], [MINUTE, "min"], [SECOND, "s"]];
  const [size, name] = units.find(([unit]) => length >= unit) ?? [1, "ms"];
  return `${Number((length / size).toFixed(1)).toLocaleString("en")} ${name}`;
}

/** Returns the labels of the time axis; the first of each day has the date below it. */
export function makeAxisLabels(clock, times, step) {
  let shownDay = "";
  return times.map((time) => {
    if (time === null) {
      return "";
    }
    const { day, clock: hours } = clock.split(time);
    if (step >= DAY) {
      return day;
    }
    const digits = step >= MINUTE ? 5 : step >= SECOND ? 8 : 12;
    const label = day === shownDay ? hours.slice(0, digits) : `${hours.slice(0, digits)}\n${day}`;
    shownDay = day;
    return label;
  });
}
