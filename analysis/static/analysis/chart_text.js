// The texts of the page: description of the chart, values at the cursor, statistics. No DOM.
/* global gettext, interpolate, ngettext */
import { formatLength } from "./chart_times.js";

export const MARKED_AHEAD = 300_000;
export const formatCount = (amount) => amount.toLocaleString("en");
export const formatValue = (amount) => (amount === null || amount === undefined ? "–"
  : Number(amount.toPrecision(7)).toLocaleString("en", { maximumFractionDigits: 6 }));

export function formatBytes(bytes) {
  const units = [[1e9, "GB"], [1e6, "MB"], [1e3, "KB"]];
  const [unit, name] = units.find(([minimum]) => bytes >= minimum) ?? [1, gettext("bytes")];
  const amount = bytes / unit;
  return `${amount >= 10 ? Math.round(amount) : Number(amount.toFixed(1))} ${name}`;
}

/** Returns a translated text with its named places filled in. */
export const fill = (text, values) => interpolate(text, values, true);
export const countSamples = (amount) => (
  interpolate(ngettext("%s sample", "%s samples", amount), [formatCount(amount)])
);

/** Describes the chart: the number of samples, how they are drawn, and the gaps. */
export function describeChart(list, state) {
  const { clock, range } = state;
  const counts = list.map((series) => series.drawn.rows.reduce((sum, row) => sum + row.count, 0));
  const total = counts.reduce((sum, amount) => sum + amount, 0);
  if (total === 0) {
    return fill(gettext("No samples from %(from)s to %(to)s. Choose All to see the whole series."), {
      from: clock.format(range.from), to: `${clock.format(range.to)}${clock.suffix}`,
    });
  }
  const drawn = list.map((series) => series.drawn).filter(({ rows }) => rows.length);
  const widths = [...new Set(drawn.map(({ width }) => width))];
  const buckets = drawn.reduce((sum, { rows }) => sum + rows.length, 0);
  const form = widths.every((width) => width === 0)
    ? gettext("%(samples)s, all drawn individually.")
    : ngettext(
      "%(samples)s shown as %(buckets)s bucket of %(length)s.",
      "%(samples)s shown as %(buckets)s buckets of %(length)s.", buckets,
    );
  const text = fill(form, {
    samples: countSamples(total), buckets: formatCount(buckets),
    length: widths.filter(Boolean).map(formatLength).join(` ${gettext("or")} `),
  });
  return `${text} ${describeGaps(drawn)}`;
}

/** Describes the values of the range's files that are not kept as sent; "" if all are. */
export function describeNotKept(list) {
  const notKept = list.map((series) => series.notKept).filter(Boolean);
  const sum = (key) => notKept.reduce((total, each) => total + each[key], 0);
  const [repeated, rounded] = [sum("repeated"), Math.max(0, ...notKept.map((each) => each.rounded))];
  const texts = [];
  if (repeated) {
    const isListed = notKept.every((each) => each.is_complete);
    texts.push(interpolate(ngettext(
      "%s value of the files of this range is not kept, because a later line of the file has the same time.",
      "%s values of the files of this range are not kept, because a later line of the file has the same time.",
      repeated,
    ), [formatCount(repeated)]));
    if (!isListed) {
      texts.push(gettext("The chart marks some of them."));
    }
  }
  if (rounded) {
    texts.push(interpolate(ngettext(
      "%s value of these files is stored as another decimal: more digits were sent than a double keeps.",
      "%s values of these files are stored as another decimal: more digits were sent than a double keeps.",
      rounded,
    ), [formatCount(rounded)]));
  }
  return texts.join(" ");
}

/** Describes how far the data lie ahead of `now`; "" for up to five minutes. */
export function describeAhead(list, now) {
  const last = Math.max(...list.map((series) => series.last));
  return last - now > MARKED_AHEAD
    ? ` ${interpolate(gettext("Data lie up to %s ahead of now: is a clock wrong?"), [formatLength(last - now)])}` : "";
}

function describeGaps(drawn) {
  const gaps = drawn.flatMap((series) => series.gaps);
  if (gaps.length === 0) {
    return interpolate(gettext("No gaps longer than %s."), [
      formatLength(Math.max(...drawn.map(longestHiddenGap))),
    ]);
  }
  const longest = Math.max(...gaps.map((gap) => gap.to - gap.from));
  const threshold = formatLength(Math.max(...drawn.map(shortestEmptyTime)));
  return fill(ngettext(
    "The line breaks where %(threshold)s or more have no sample: %(count)s gap, the longest about %(longest)s.",
    "The line breaks where %(threshold)s or more have no sample: %(count)s gaps, the longest about %(longest)s.",
    gaps.length,
  ), { threshold, count: formatCount(gaps.length), longest: formatLength(longest) });
}

/** Returns how long the empty buckets are together, or the time without a sample, that break a line. */
function shortestEmptyTime({ width, maxJoined }) {
  return width ? Math.floor(maxJoined / width) * width : maxJoined;
}

/** Returns up to which length a gap may break no line: its ends may lie within two buckets. */
function longestHiddenGap({ width, maxJoined }) {
  return shortestEmptyTime({ width, maxJoined }) + width;
}

/** Describes the sample or bucket of a series at the cursor. */
export function describePoint(series, row, clock, shift) {
  const unit = series.unit ? ` ${series.unit}` : "";
  const when = `${clock.format(row.time_ms - shift)}${clock.suffix}`;
  if (series.drawn.width === 0) {
    return `${when}: ${formatValue(row.mean)}${unit}`;
  }
  return fill(gettext("%(when)s, %(length)s: mean %(mean)s, min %(min)s, max %(max)s%(unit)s, %(samples)s"), {
    when, unit, length: formatLength(series.drawn.width), mean: formatValue(row.mean),
    min: formatValue(row.min), max: formatValue(row.max), samples: countSamples(row.count),
  });
}

/** Formats the number of samples outside the plausible range, "–" without a range. */
function formatImplausible(summary) {
  const { below, above, is_exact: isExact } = summary.implausible ?? {};
  if (below === undefined) {
    return "–";
  }
  if (below + above === 0) {
    return isExact ? gettext("none") : `≈ ${gettext("none")}`;
  }
  const sides = [[below, gettext("below")], [above, gettext("above")]].filter(([amount]) => amount);
  const detail = sides.length > 1 ? sides.map(([amount, side]) => `${formatCount(amount)} ${side}`).join(", ")
    : sides[0][1];
  return `${isExact ? "" : "≈ "}${formatCount(below + above)} (${detail})`;
}

export const STATISTICS = [
  gettext("Samples"), gettext("Coverage"), gettext("Mean"), gettext("Standard deviation"),
  gettext("Minimum"), gettext("5th percentile"), gettext("Median"), gettext("95th percentile"),
  gettext("Maximum"), gettext("Outside the plausible range"), gettext("Longest gap"),
];

/** Formats the summary of a series in the order of STATISTICS. */
export function formatStatistics(summary) {
  const approximately = summary.percentile_error ? "≈ " : "";
  const gap = summary.longest_gap;
  const coverage = summary.coverage === null ? "–" : `${(100 * summary.coverage).toFixed(1)} %`;
  return [
    formatCount(summary.count),
    summary.count ? coverage : "0 %",
    formatValue(summary.mean),
    summary.sd === null ? "–" : formatValue(summary.sd),
    formatValue(summary.min),
    approximately + formatValue(summary.p5),
    approximately + formatValue(summary.median),
    approximately + formatValue(summary.p95),
    formatValue(summary.max),
    formatImplausible(summary),
    gap ? formatLength(gap.length_ms)
      : summary.count > 1 ? interpolate(gettext("none over %s"), [formatLength(summary.gap_threshold_ms)]) : "–",
  ];
}
