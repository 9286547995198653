// Draws the columns with uPlot: the mean as a line in a band from minimum to maximum.
/* global uPlot */
import { axisLabels } from "./chart_range.js";

const HEIGHT = 360;

function themeColour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function axes() {
  const shared = {
    stroke: themeColour("--body-quiet-color"),
    grid: { stroke: themeColour("--hairline-color"), width: 1 },
    ticks: { stroke: themeColour("--border-color"), width: 1 },
    font: "12px system-ui, sans-serif",
  };
  return [
    { ...shared, space: 80, values: (chart, times, axis, space, step) => axisLabels(times, step) },
    { ...shared, size: 56 },
  ];
}

function series(lone) {
  const edge = { stroke: "transparent", width: 0, points: { show: false } };
  const colour = themeColour("--chart-mean");
  return [
    {},
    {
      stroke: colour,
      width: 1.5,
      points: { show: lone.length > 0, filter: () => lone, size: 6, fill: colour },
    },
    edge,
    edge,
  ];
}

/**
 * Draw into `place` and return the chart. `range` is what the time axis spans; `onPoint(index)`
 * is called as the cursor moves (null: it left), `onSelect(from, to)` when a stretch was drawn,
 * `onReset()` on a double click.
 */
export function draw(place, { columns, lone }, range, { onPoint, onSelect, onReset }) {
  const options = {
    width: place.clientWidth,
    height: HEIGHT,
    ms: 1,
    padding: [null, 36, null, null], // the last label of the time axis is centred on its mark
    tzDate: (time) => uPlot.tzDate(new Date(time), "Etc/UTC"),
    scales: { x: { time: true, range: () => [range.from, range.to] } },
    axes: axes(),
    series: series(lone),
    bands: [{ series: [3, 2], fill: themeColour("--chart-band") }],
    legend: { show: false },
    cursor: {
      y: false,
      drag: { x: true, y: false, setScale: false },
      bind: { dblclick: () => () => onReset() },
    },
    hooks: {
      setCursor: [(chart) => onPoint(chart.cursor.idx)],
      setSelect: [
        (chart) => {
          const { left, width } = chart.select;
          if (width > 3) {
            onSelect(chart.posToVal(left, "x"), chart.posToVal(left + width, "x"));
          }
        },
      ],
    },
  };
  return new uPlot(options, columns, place);
}
