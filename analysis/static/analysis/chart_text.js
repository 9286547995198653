// The texts of the page: description of the chart, values at the cursor, statistics. No DOM.
import { formatLength } from "./chart_times.js";

export const MARKED_AHEAD = 300_000;
export const formatCount = (amount) => amount.toLocaleString("en");
export const formatValue = (amount) => (amount === null || amount === undefined ? "–"
  : Number(amount.toPrecision(7)).toLocaleString("en", { maximumFractionDigits: 6 }));

export function formatBytes(bytes) {
  const units = [[1e9, "GB"], [1e6, "MB"], [1e3, "KB"]];
  const [unit, name] = units.find(([minimum]) => bytes >= minimum) ?? [1, "bytes"];
  const amount = bytes / unit;
  return `${amount >= 10 ? Math.round(amount) : Number(amount.toFixed(1))} ${name}`;
}

const pluralize = (amount, noun) => `${formatCount(amount)} ${amount === 1 ? noun : `${noun}s`}`;

/** Describes the chart: the number of samples, how they are drawn, and the gaps. */
export function describeChart(list, state) {
  const { clock, range } = state;
  const counts = list.map((series) => series.drawn.rows.reduce((sum, row) => sum + row.count, 0));
  const total = counts.reduce((sum, amount) => sum + amount, 0);
  if (total === 0) {
    return `No samples from ${clock.format(range.from)} to ${clock.format(range.to)}${clock.suffix}. `
      + "Choose All to see the whole series.";
  }
  const drawn = list.map((series) => series.drawn).filter(({ rows }) => rows.length);
  const widths = [...new Set(drawn.map(({ width }) => width))];
  const buckets = drawn.reduce((sum, { rows }) => sum + rows.length, 0);
  const form = widths.every((width) => width === 0)
    ? ", all drawn individually"
    : ` shown as ${pluralize(buckets, "bucket")} of ${widths.filter(Boolean).map(formatLength).join(" or ")}`;
  return `${pluralize(total, "sample")}${form}. ${describeGaps(drawn)}`;
}

/** Describes the values of the range's files that are not kept as sent; "" if all are. */
export function describeNotKept(list) {
  const notKept = list.map((series) => series.notKept).filter(Boolean);
  const sum = (key) => notKept.reduce((total, each) => total + each[key], 0);
  const [repeated, rounded] = [sum("repeated"), Math.max(0, ...notKept.map((each) => each.rounded))];
  const texts = [];
  if (repeated) {
    const isListed = notKept.every((each) => each.is_complete);
    texts.push(`${pluralize(repeated, "value")} of the files of this range ${repeated === 1 ? "is" : "are"} not kept, `
      + `because a later line of the file has the same time${isListed ? "" : "; the chart marks some of them"}.`);
  }
  if (rounded) {
    texts.push(`${pluralize(rounded, "value")} of these files ${rounded === 1 ? "is" : "are"} stored as another decimal: `
      + "more digits were sent than a double keeps.");
  }
  return texts.join(" ");
}

/** Describes how far the data lie ahead of `now`; "" for up to five minutes. */
export function describeAhead(list, now) {
  const last = Math.max(...list.map((series) => series.last));
  return last - now > MARKED_AHEAD ? ` Data lie up to ${formatLength(last - now)} ahead of now: is a clock wrong?` : "";
}

function describeGaps(drawn) {
  const gaps = drawn.flatMap((series) => series.gaps);
  const threshold = formatLength(Math.max(...drawn.map(({ maxJoined }) => maxJoined)));
  if (gaps.length === 0) {
    return `No gaps longer than ${threshold}.`;
  }
  const longest = Math.max(...gaps.map((gap) => gap.to - gap.from));
  return `The line breaks at gaps longer than ${threshold}: ${pluralize(gaps.length, "gap")}, `
    + `the longest about ${formatLength(longest)}.`;
}

/** Describes the sample or bucket of a series at the cursor. */
export function describePoint(series, row, clock, shift) {
  const unit = series.unit ? ` ${series.unit}` : "";
  const when = `${clock.format(row.time_ms - shift)}${clock.suffix}`;
  if (series.drawn.width === 0) {
    return `${when}: ${formatValue(row.mean)}${unit}`;
  }
  return `${when}, ${formatLength(series.drawn.width)}: mean ${formatValue(row.mean)}, `
    + `min ${formatValue(row.min)}, max ${formatValue(row.max)}${unit}, ${pluralize(row.count, "sample")}`;
}

/** Formats the number of samples outside the plausible range, "–" without a range. */
function formatImplausible(summary) {
  const { below, above, is_exact: isExact } = summary.implausible ?? {};
  if (below === undefined) {
    return "–";
  }
  if (below + above === 0) {
    return isExact ? "none" : "≈ none";
  }
  const sides = [[below, "below"], [above, "above"]].filter(([amount]) => amount);
  const detail = sides.length > 1 ? sides.map(([amount, side]) => `${formatCount(amount)} ${side}`).join(", ")
    : sides[0][1];
  return `${isExact ? "" : "≈ "}${formatCount(below + above)} (${detail})`;
}

export const STATISTICS = [
  "Samples", "Coverage", "Mean", "Standard deviation", "Minimum", "5th percentile", "Median",
  "95th percentile", "Maximum", "Outside the plausible range", "Longest gap",
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
      : summary.count > 1 ? `none over ${formatLength(summary.gap_threshold_ms)}` : "–",
  ];
}
