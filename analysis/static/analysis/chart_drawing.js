// Draws columns with uPlot: of each series the mean as a line in a band from minimum to maximum.
/* global uPlot */
import { drawLimits, findLimits } from "./chart_plausible_range.js";
import { axisLabels, readableLength } from "./chart_times.js";

const HEIGHT = 360;
const LABEL_ROOM = 8;
const EXPAND = 2; // of uPlot.join
// Lines differ by more than their colour.
export const DASHES = [[], [8, 4], [2, 3], [12, 3, 2, 3], [5, 2], [1, 4]];

export function themeColour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function axes(clock, units) {
  const shared = {
    stroke: themeColour("--body-quiet-color"),
    grid: { stroke: themeColour("--hairline-color"), width: 1 },
    ticks: { stroke: themeColour("--border-color"), width: 1 },
    font: "12px system-ui, sans-serif",
    labelFont: "12px system-ui, sans-serif",
  };
  const values = (chart, times, axis, space, step) => axisLabels(clock, times, step);
  const ofUnits = units.slice(0, 2).map((unit, index) => ({
    ...shared, scale: `y ${unit}`, side: index ? 1 : 3, size: 56, label: unit || undefined,
    labelSize: 18, grid: { ...shared.grid, show: index === 0 },
  }));
  return [{ ...shared, space: 80, values }, ...ofUnits];
}

function lines(each, index, alone) {
  const scale = `y ${each.unit}`;
  const edge = { scale, stroke: "transparent", width: 0, points: { show: false } };
  const colour = themeColour(`--chart-${(index % 6) + 1}`);
  const single = each.shown.width === 0;
  const points = single && each.shown.rows.length <= 300
    ? { show: true, size: 5, fill: colour }
    : { show: alone && each.shown.lone.length > 0, filter: () => each.shown.lone, size: 6, fill: colour };
  const mean = { scale, stroke: colour, width: 1.5, points, dash: DASHES[index % 6] };
  return [mean, edge, edge];
}

/** Hatch the gaps and write their length into those that have room for it. */
function drawGaps(chart, gaps) {
  const { ctx, bbox } = chart;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
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
    const text = `no data, ${readableLength(gap.to - gap.from)}`;
    const room = ctx.measureText(text).width + LABEL_ROOM * ratio;
    if (right - left > room) {
      ctx.fillText(text, (left + right) / 2, bbox.top + 16 * ratio);
    }
  }
  ctx.restore();
}

function limitColours() {
  const [line, tint] = [themeColour("--chart-limit"), themeColour("--chart-limit-tint")];
  return { line, tint, paper: themeColour("--body-bg") };
}

function hatch(ctx, left, right, bbox, step) {
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, bbox.top, right - left, bbox.height);
  ctx.clip();
  ctx.beginPath();
  for (let x = left - bbox.height; x < right; x += step) {
    ctx.moveTo(x, bbox.top + bbox.height);
    ctx.lineTo(x + bbox.height, bbox.top);
  }
  ctx.stroke();
  ctx.restore();
}

/**
 * Draw `list` into `place` and return the chart. Each has `unit` and `shown` (of makeColumns);
 * `range` is what the time axis spans; `onPoint(chart)` is called as the cursor moves,
 * `onSelect(from, to)` when a stretch was drawn, `onReset()` on a double click.
 */
export function draw(place, list, range, clock, { onPoint, onSelect, onReset, first = 0, height = HEIGHT }) {
  const alone = list.length === 1;
  const limits = findLimits(list);
  const tables = list.map((each) => each.shown.columns);
  // Where one series has no point of its own, another's must not close its gap.
  const expandNulls = tables.map((columns) => columns.map(() => EXPAND));
  const data = alone ? tables[0] : uPlot.join(tables, expandNulls);
  const units = [...new Set(list.map((each) => each.unit))];
  const options = {
    width: place.clientWidth,
    height,
    ms: 1,
    padding: [12, units.length > 1 ? 8 : 36, null, null], // a label is centred on its mark
    tzDate: (time) => uPlot.tzDate(new Date(time), clock.axisZone),
    scales: { x: { time: true, range: () => [range.from, range.to] } },
    axes: axes(clock, units),
    series: [{}, ...list.flatMap((each, index) => lines(each, first + index, alone))],
    bands: list.map((each, index) => ({
      series: [3 * index + 3, 3 * index + 2],
      fill: themeColour(`--chart-band-${((first + index) % 6) + 1}`),
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
      drawClear: [(chart) => alone && drawGaps(chart, list[0].shown.gaps)],
      draw: [(chart) => drawLimits(chart, limits, limitColours())],
    },
  };
  return new uPlot(options, data, place);
}
