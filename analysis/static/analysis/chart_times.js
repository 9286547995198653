// How times are written and read: in a time zone, or counted from the start. No DOM.
// Times are epoch milliseconds; an elapsed time counts milliseconds from the first sample.

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const LATEST_DATE = 8.64e15; // what Date can hold
const ISO = /^\s*(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)\s*(Z|[+-]\d\d:?\d\d)?)?\s*$/i;

export function isoTime(time) {
  return time > LATEST_DATE ? String(time) : new Date(time).toISOString().replace(".000Z", "Z");
}

/** ISO 8601 (UTC without an offset) or epoch milliseconds, as addresses hold them. Else null. */
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

export function browserZone() {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** The zone that an address asks for: "UTC", "browser", or a name of IANA; unknown ones are UTC. */
export function knownZone(asked) {
  if (asked === "browser") {
    return "browser";
  }
  try {
    Intl.DateTimeFormat("en", { timeZone: asked });
    return asked;
  } catch {
    return "UTC";
  }
}

/** Writes and reads times in `zone`: "UTC", "browser", or a name of IANA. */
export function makeClock(zone) {
  const timeZone = zone === "browser" ? browserZone() : zone;
  const format = new Intl.DateTimeFormat("en", {
    timeZone, hourCycle: "h23", fractionalSecondDigits: 3,
    year: "numeric", month: "2-digit", day: "2-digit",
    hour: "2-digit", minute: "2-digit", second: "2-digit",
  });
  const split = (time) => {
    const part = Object.fromEntries(format.formatToParts(time).map((each) => [each.type, each.value]));
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
    readable(time) {
      if (time > LATEST_DATE) {
        return `${time} ms`;
      }
      const { day, clock } = split(time);
      return `${day} ${clock.replace(/\.000$/, "")}`;
    },
    parse: (text) => parseIn(text, localToEpoch),
    write: isoTime,
    suffix: ` ${timeZone}`,
  };
}

/** The same for times that count from the first sample of each series. */
export function makeElapsed() {
  const split = (time) => {
    const days = Math.floor(time / DAY);
    return { day: `day ${days + 1}`, clock: new Date(time - days * DAY).toISOString().slice(11, 23) };
  };
  return {
    zone: "from the start",
    axisZone: "Etc/UTC",
    split,
    readable(time) {
      const { clock } = split(time);
      const days = Math.floor(time / DAY);
      return `${days ? `${days} d ` : ""}${clock.replace(/\.000$/, "")}`;
    },
    parse(text) {
      const [, days, clock] = /^\s*(?:(\d+) ?d)?\s*(\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?\s*$/.exec(text) ?? [];
      if (/^\d{1,16}$/.test(text)) {
        return Number(text);
      }
      const time = Date.parse(`1970-01-01T${clock ?? "00:00"}Z`) + Number(days ?? 0) * DAY;
      return (days ?? clock) === undefined || Number.isNaN(time) ? null : time;
    },
    write: String,
    suffix: " after the start",
  };
}

/** What a person is given to edit: whole seconds, rounded by `round` so that none is lost. */
export function inputTime(clock, time, round) {
  return clock.readable(round(time / SECOND) * SECOND);
}

/** "2 min", "1.5 h", "7 d": the largest unit that needs at most one decimal. */
export function readableLength(length) {
  const units = [[DAY, "d"], [HOUR, "h"], [MINUTE, "min"], [SECOND, "s"]];
  const [size, name] = units.find(([unit]) => length >= unit) ?? [1, "ms"];
  return `${Number((length / size).toFixed(1)).toLocaleString("en")} ${name}`;
}

/** Labels for the marks of the time axis; the day stands below the first, and where it changes. */
export function axisLabels(clock, times, step) {
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
