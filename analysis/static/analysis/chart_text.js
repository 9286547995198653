// The sentences and cells of the page: the line of truth, what is under the cursor, the numbers.
// No DOM.
import { readableLength } from "./chart_times.js";

export const number = (amount) => amount.toLocaleString("en");
export const value = (amount) => (amount === null || amount === undefined ? "–"
  : Number(amount.toPrecision(7)).toLocaleString("en", { maximumFractionDigits: 6 }));

export function size(bytes) {
  const units = [[1e9, "GB"], [1e6, "MB"], [1e3, "KB"]];
  const [unit, name] = units.find(([least]) => bytes >= least) ?? [1, "bytes"];
  const amount = bytes / unit;
  return `${amount >= 10 ? Math.round(amount) : Number(amount.toFixed(1))} ${name}`;
}

const count = (amount, noun) => `${number(amount)} ${amount === 1 ? noun : `${noun}s`}`;

/** One honest line: how many samples, as what they are drawn, where the line is open. */
export function truth(list, state) {
  const { clock, range } = state;
  const samples = list.map((each) => each.shown.found.reduce((sum, row) => sum + row.count, 0));
  const all = samples.reduce((sum, amount) => sum + amount, 0);
  if (all === 0) {
    return `No samples from ${clock.readable(range.from)} to ${clock.readable(range.to)}${clock.suffix}. `
      + "Choose All to see where there are some.";
  }
  const drawn = list.map((each) => each.shown).filter((shown) => shown.found.length);
  const widths = [...new Set(drawn.map((shown) => shown.width))];
  const buckets = drawn.reduce((sum, shown) => sum + shown.found.length, 0);
  const how = widths.every((width) => width === 0)
    ? ", every one drawn"
    : ` shown as ${count(buckets, "bucket")} of ${widths.filter(Boolean).map(readableLength).join(" or ")}`;
  return `${count(all, "sample")}${how}. ${openings(drawn)}`;
}

function openings(drawn) {
  const gaps = drawn.flatMap((shown) => shown.gaps);
  const joined = readableLength(Math.max(...drawn.map((shown) => shown.joined)));
  if (gaps.length === 0) {
    return `There is no gap of more than ${joined}.`;
  }
  const longest = Math.max(...gaps.map((gap) => gap.to - gap.from));
  return `The line is open where nothing came for more than ${joined}: ${count(gaps.length, "gap")}, `
    + `the longest about ${readableLength(longest)}.`;
}

/** What is under the cursor, of one series. */
export function point(each, row, clock, shift) {
  const unit = each.unit ? ` ${each.unit}` : "";
  const when = `${clock.readable(row.time_ms - shift)}${clock.suffix}`;
  if (each.shown.width === 0) {
    return `${when}: ${value(row.mean)}${unit}`;
  }
  return `${when}, ${readableLength(each.shown.width)}: mean ${value(row.mean)}, `
    + `min ${value(row.min)}, max ${value(row.max)}${unit}, ${count(row.count, "sample")}`;
}

/** How many samples no device should measure, where it is known what it should. */
function implausible(found) {
  const { below, above, is_exact: isExact } = found.implausible ?? {};
  if (below === undefined) {
    return "–";
  }
  if (below + above === 0) {
    return isExact ? "none" : "≈ none";
  }
  const sides = [[below, "below"], [above, "above"]].filter(([amount]) => amount);
  const which = sides.length > 1 ? sides.map(([amount, side]) => `${number(amount)} ${side}`).join(", ")
    : sides[0][1];
  return `${isExact ? "" : "≈ "}${number(below + above)} (${which})`;
}

export const MEASURES = [
  "Samples", "Coverage", "Minimum", "5th percentile", "Median", "95th percentile", "Maximum",
  "Outside the plausible range", "Longest gap",
];

/** A series' summary, in the order of MEASURES. */
export function numbers(found) {
  const about = found.is_exact ? "" : "≈ ";
  const gap = found.longest_gap;
  const covered = found.coverage === null ? "–" : `${(100 * found.coverage).toFixed(1)} %`;
  return [
    number(found.count),
    found.count ? covered : "0 %",
    value(found.min),
    about + value(found.p5),
    about + value(found.median),
    about + value(found.p95),
    value(found.max),
    implausible(found),
    gap ? (found.is_exact ? "" : "≥ ") + readableLength(gap.length_ms)
      : found.count > 1 ? `none over ${readableLength(found.gap_threshold_ms)}` : "–",
  ];
}
