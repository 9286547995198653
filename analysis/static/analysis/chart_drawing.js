// Draws series with uPlot: the mean as a line in a band from minimum to maximum.
/* global gettext, interpolate, uPlot */
import { intersectGaps } from "./chart_columns.js";
import { drawPlausibleRanges, findPlausibleRanges, saveAndClip } from "./chart_plausible_range.js";
import { makeAxisLabels, formatLength } from "./chart_times.js";

const MIN_HEIGHT = 360;
const MAX_HEIGHT = 900;
const LANE_HEIGHT = 8; // of the strip in which an overlaid series shows its gaps
export const MAX_MARKERS = 300; // samples of a line that are marked one by one
const LABEL_PADDING = 8;
const FINE_RANGE = 10_000; // milliseconds; the ticks of longer ranges are whole seconds
const NULL_EXPAND = 2; // a null mode of uPlot.join
// Lines differ in their dashes too, not by colour alone.
const DASHES = [[], [8, 4], [2, 3], [12, 3, 2, 3], [5, 2], [1, 4]];

/** Returns the dashes of the series `index`; 36 series differ in colour or dashes. */
export const makeDash = (index) => DASHES[(index + Math.floor(index / 6)) % 6];

/** Returns the height of a chart: `part` of the window, which large windows make higher. */
export const findHeight = (part = 0.5, least = MIN_HEIGHT) => (
  Math.round(Math.min(Math.max(least, window.innerHeight * part), MAX_HEIGHT))
);

export function themeColour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function makeAxes(clock, units, length) {
  const shared = {
    stroke: themeColour("--body-quiet-color"),
    grid: { stroke: themeColour("--hairline-color"), width: 1 },
    ticks: { stroke: themeColour("--border-color"), width: 1 },
    font: "12px system-ui, sans-serif",
    labelFont: "12px system-ui, sans-serif",
  };
  const values = (chart, times, axis, space, step) => makeAxisLabels(clock, times, step);
  const valueAxes = units.slice(0, 2).map((unit, index) => ({
    ...shared, scale: `y ${unit}`, side: index ? 1 : 3, size: 56, label: unit || undefined,
    labelSize: 18, grid: { ...shared.grid, show: index === 0 },
  }));
  const space = length <= FINE_RANGE ? 110 : 80; // labels with milliseconds are longer
  return [{ ...shared, space, values }, ...valueAxes];
}

function makeLines(series, isAlone) {
  const { index } = series;
  const scale = `y ${series.unit}`;
  const edge = { scale, stroke: "transparent", width: 0, points: { show: false } };
  const colour = themeColour(`--chart-${(index % 6) + 1}`);
  const hasSamples = series.drawn.width === 0;
  const points = hasSamples && series.drawn.rowsByIndex.length <= MAX_MARKERS
    ? { show: true, size: 5, fill: colour }
    : { show: isAlone && series.drawn.isolated.length > 0, filter: () => series.drawn.isolated, size: 6, fill: colour };
  const mean = { scale, stroke: colour, width: 1.5, points, dash: makeDash(index) };
  return [mean, edge, edge];
}

/** Hatches the gaps and labels those that are wide enough with their length. */
function drawGaps(chart, gaps) {
  const { ctx, bbox } = chart;
  const ratio = devicePixelRatio;
  saveAndClip(ctx, bbox);
  ctx.strokeStyle = themeColour("--chart-gap");
  ctx.fillStyle = themeColour("--body-quiet-color");
  ctx.lineWidth = ratio;
  ctx.font = `${12 * ratio}px system-ui, sans-serif`;
  ctx.textAlign = "center";
  for (const gap of gaps) {
    const left = Math.max(bbox.left, chart.valToPos(gap.from, "x", true));
    const right = Math.min(bbox.left + bbox.width, chart.valToPos(gap.to, "x", true));
    if (right - left < 2) {
      continue;
    }
    hatch(ctx, left, right, bbox, 8 * ratio);
    const text = interpolate(gettext("no data, %s"), [formatLength(gap.to - gap.from)]);
    const labelWidth = ctx.measureText(text).width + LABEL_PADDING * ratio;
    if (right - left > labelWidth) {
      ctx.fillText(text, (left + right) / 2, bbox.top + 16 * ratio);
    }
  }
  ctx.restore();
}

/** Hatches each overlaid series' gaps in a strip of its own, in its colour, at the top. */
function drawLanes(chart, list) {
  const { ctx, bbox } = chart;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.lineWidth = 1.5 * ratio;
  list.forEach((series, index) => {
    ctx.strokeStyle = themeColour(`--chart-${(series.index % 6) + 1}`);
    const lane = { top: bbox.top + (3 + index * (LANE_HEIGHT + 2)) * ratio, height: LANE_HEIGHT * ratio };
    for (const gap of series.drawn.gaps) {
      const left = Math.max(bbox.left, chart.valToPos(gap.from, "x", true));
      const right = Math.min(bbox.left + bbox.width, chart.valToPos(gap.to, "x", true));
      if (right - left >= 2) {
        hatch(ctx, left, right, lane, 5 * ratio);
      }
    }
  });
  ctx.restore();
}

/**
 * Marks the values that are not kept by crosses, or where there are many only their times, by
 * ticks at the bottom; `times` of `notKept` are those of the axis.
 */
function drawNotKept(chart, { unit, notKept }) {
  const { ctx, bbox } = chart;
  const arm = 4 * devicePixelRatio;
  const isCrowded = (notKept?.times.length ?? 0) > MAX_MARKERS;
  const bottom = bbox.top + bbox.height;
  saveAndClip(ctx, bbox);
  ctx.strokeStyle = themeColour("--chart-limit");
  ctx.lineWidth = 1.5 * devicePixelRatio;
  for (const { time, values } of notKept?.times ?? []) {
    const x = chart.valToPos(time, "x", true);
    if (isCrowded) {
      ctx.moveTo(x, bottom);
      ctx.lineTo(x, bottom - 2 * arm);
    }
    for (const value of isCrowded ? [] : values) {
      const y = chart.valToPos(value, `y ${unit}`, true);
      ctx.moveTo(x - arm, y - arm);
      ctx.lineTo(x + arm, y + arm);
      ctx.moveTo(x + arm, y - arm);
      ctx.lineTo(x - arm, y + arm);
    }
  }
  ctx.stroke();
  ctx.restore();
}

/** Shades the times ahead of `now`, the time of the server, and labels them. */
function drawAhead(chart, now) {
  const { ctx, bbox } = chart;
  const ratio = devicePixelRatio;
  const left = Math.max(bbox.left, chart.valToPos(now, "x", true));
  const right = bbox.left + bbox.width;
  if (left >= right) {
    return;
  }
  ctx.save();
  ctx.fillStyle = themeColour("--chart-limit-tint");
  ctx.fillRect(left, bbox.top, right - left, bbox.height);
  ctx.fillStyle = themeColour("--chart-limit");
  ctx.font = `${12 * ratio}px system-ui, sans-serif`;
  ctx.textAlign = "right";
  ctx.fillText(`▲ ${gettext("ahead of now")}`, right - LABEL_PADDING * ratio, bbox.top + 16 * ratio);
  ctx.restore();
}

function plausibleRangeColours() {
  const [line, tint] = [themeColour("--chart-limit"), themeColour("--chart-limit-tint")];
  return { line, tint, background: themeColour("--body-bg") };
}

function hatch(ctx, left, right, bbox, step) {
  saveAndClip(ctx, { ...bbox, left, width: right - left });
  for (let x = left - bbox.height; x < right; x += step) {
    ctx.moveTo(x, bbox.top + bbox.height);
    ctx.lineTo(x + bbox.height, bbox.top);
  }
  ctx.stroke();
  ctx.restore();
}

/**
 * Draws `list` into the element `parent` and returns the chart. Each series has a `unit` and
 * `drawn`, the result of makeColumns. `range` is the extent of the time axis. `onPoint(chart)` is
 * called when the cursor moves, `onSelect(from, to)` after a drag, `onReset()` on a double click.
 */
export function draw(parent, list, range, clock, {
  onPoint, onSelect, onReset, now = null, height = findHeight(), drawMarks = () => {},
}) {
  const isAlone = list.length === 1;
  const ranges = findPlausibleRanges(list);
  const tables = list.map((series) => series.drawn.columns);
  // A point that only another series has must not close a gap.
  const expandNulls = tables.map((columns) => columns.map(() => NULL_EXPAND));
  const data = isAlone ? tables[0] : uPlot.join(tables, expandNulls);
  const units = [...new Set(list.map((series) => series.unit))];
  const options = {
    width: parent.clientWidth,
    height,
    ms: 1,
    padding: [12, units.length > 1 ? 8 : 36, null, null], // labels are centred on their ticks
    tzDate: (time) => uPlot.tzDate(new Date(time), clock.axisZone),
    scales: { x: { time: true, range: () => [range.from, range.to] } },
    axes: makeAxes(clock, units, range.to - range.from),
    series: [{}, ...list.flatMap((series) => makeLines(series, isAlone))],
    bands: list.map((series, index) => ({
      series: [3 * index + 3, 3 * index + 2],
      fill: themeColour(`--chart-band-${(series.index % 6) + 1}`),
    })),
    legend: { show: false },
    cursor: {
      y: false,
      drag: { x: true, y: false, setScale: false },
      bind: { dblclick: () => () => onReset() },
      sync: { key: "series", filters: { pub: (type) => /^mouse(move|leave)$/.test(type) } },
    },
    hooks: {
      setCursor: [onPoint],
      setSelect: [
        (chart) => {
          const { left, width } = chart.select;
          if (width > 3) {
            onSelect(chart.posToVal(left, "x"), chart.posToVal(left + width, "x"));
          }
        },
      ],
      drawClear: [
        (chart) => drawGaps(chart, intersectGaps(list.map((series) => series.drawn.gaps))),
        (chart) => !isAlone && drawLanes(chart, list),
      ],
      draw: [
        (chart) => drawPlausibleRanges(chart, ranges, plausibleRangeColours()),
        (chart) => list.forEach((series) => drawNotKept(chart, series)),
        (chart) => now !== null && drawAhead(chart, now),
        drawMarks,
      ],
    },
  };
  return new uPlot(options, data, parent);
}
