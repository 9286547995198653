// Saves the charts of the page as an image: PNG from their canvases, SVG drawn anew.
/* global gettext */
import { makeDash, themeColour } from "./chart_drawing.js";

const FONT = "system-ui, sans-serif";
const LINE_HEIGHT = 20;
const MARGIN = 12;
const escapeXml = (text) => String(text).replace(/[<>&"']/g, (letter) => `&#${letter.charCodeAt(0)};`);

/**
 * Downloads the charts as `kind`, png or svg. `charts` are those of uPlot, `shown[i]` the series in
 * chart i; `texts` has the `title`, a `caption` (range and time zone) and the file's `name`; `events`
 * are marked in an SVG as they are on the canvas.
 */
export async function saveImage(kind, charts, shown, texts, events) {
  const legend = shown.flat().map((series) => (
    { text: series.title + (series.unit ? ` (${series.unit})` : ""), index: series.index }
  ));
  const blob = kind === "svg"
    ? new Blob([drawSvg(charts, shown, texts, legend, events)], { type: "image/svg+xml" })
    : await drawPng(charts, texts, legend);
  const url = URL.createObjectURL(blob);
  Object.assign(document.createElement("a"), { href: url, download: `${texts.name}.${kind}` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** Returns the texts of an image: title, range and time zone, and the file's name without ending. */
export function nameImage(list, { clock, range }) {
  const titles = list.map((series) => series.title.replace("/", "_")).join("_").slice(0, 120);
  const [first, last] = [range.from, range.to].map((time) => clock.format(time).slice(0, 10).trim());
  return {
    title: document.getElementById("series-page").dataset.title,
    caption: `${clock.format(range.from)} ${gettext("to")} ${clock.format(range.to)}${clock.suffix}`,
    name: `${titles}_${first}_${last}`.replace(/[^\w.-]+/g, "-"),
  };
}

function measure(charts, legend) {
  const top = 2 * LINE_HEIGHT + MARGIN;
  const chartsHeight = charts.reduce((sum, chart) => sum + chart.height + MARGIN, 0);
  return {
    top,
    width: Math.max(...charts.map((chart) => chart.width)) + 2 * MARGIN,
    height: top + chartsHeight + legend.length * LINE_HEIGHT + MARGIN,
  };
}

async function drawPng(charts, texts, legend) {
  const ratio = devicePixelRatio;
  const { top, width, height } = measure(charts, legend);
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width * ratio, height * ratio];
  const ctx = canvas.getContext("2d");
  ctx.scale(ratio, ratio);
  ctx.fillStyle = themeColour("--body-bg");
  ctx.fillRect(0, 0, width, height);
  ctx.fillStyle = themeColour("--body-fg");
  ctx.font = `600 15px ${FONT}`;
  ctx.fillText(texts.title, MARGIN, LINE_HEIGHT);
  ctx.font = `12px ${FONT}`;
  ctx.fillText(texts.caption, MARGIN, 2 * LINE_HEIGHT);
  let y = top;
  for (const chart of charts) {
    ctx.drawImage(chart.ctx.canvas, MARGIN, y, chart.width, chart.height);
    y += chart.height + MARGIN;
  }
  for (const { text, index } of legend) {
    ctx.strokeStyle = themeColour(`--chart-${(index % 6) + 1}`);
    ctx.lineWidth = 2;
    ctx.setLineDash(makeDash(index));
    ctx.beginPath();
    ctx.moveTo(MARGIN, y + 6);
    ctx.lineTo(MARGIN + 28, y + 6);
    ctx.stroke();
    ctx.fillText(text, MARGIN + 36, y + 10);
    y += LINE_HEIGHT;
  }
  return new Promise((resolve) => { canvas.toBlob(resolve, "image/png"); });
}

// --- SVG ------------------------------------------------------------------------------------

const number = (value) => String(Math.round(value * 100) / 100);

function tag(name, attributes, content = "") {
  const texts = Object.entries(attributes).map(([key, value]) => ` ${key}="${escapeXml(value)}"`);
  return `<${name}${texts.join("")}${content === "" ? "/>" : `>${content}</${name}>`}`;
}

const write = (text, attributes) => tag("text", { "font-size": 12, ...attributes }, escapeXml(text));

/** Returns the pieces of a line between gaps: null breaks it, undefined is another series' time. */
function splitAtGaps(chart, column, toPoint) {
  const pieces = [[]];
  chart.data[column].forEach((value, index) => {
    if (value === null) {
      pieces.push([]);
    } else if (value !== undefined) {
      pieces.at(-1).push(toPoint(chart.data[0][index], value));
    }
  });
  return pieces.filter((piece) => piece.length);
}

const join = (points) => points.map(([x, y]) => `${number(x)} ${number(y)}`).join("L");

function drawLines(chart, series, place, box) {
  const scale = `y ${series.unit}`;
  const toPoint = (time, value) => [
    box.left + chart.valToPos(time, "x"), box.top + chart.valToPos(value, scale),
  ];
  const colour = themeColour(`--chart-${(series.index % 6) + 1}`);
  const [lows, highs] = [2, 3].map((part) => splitAtGaps(chart, 3 * place + part, toPoint));
  const bands = lows.map((low, index) => (
    tag("path", { d: `M${join(low)}L${join([...(highs[index] ?? [])].reverse())}Z`, fill: colour, "fill-opacity": 0.2 })
  ));
  const lines = splitAtGaps(chart, 3 * place + 1, toPoint).map((piece) => (piece.length > 1
    ? tag("path", {
      d: `M${join(piece)}`, fill: "none", stroke: colour, "stroke-width": 1.5,
      "stroke-dasharray": makeDash(series.index).join(" "),
    })
    : tag("circle", { cx: number(piece[0][0]), cy: number(piece[0][1]), r: 2.5, fill: colour })));
  return bands.join("") + lines.join("");
}

function drawAxes(chart, box) {
  const [quiet, hairline] = [themeColour("--body-quiet-color"), themeColour("--hairline-color")];
  return chart.axes.map((axis, place) => (axis._splits ?? []).map((split, index) => {
    const labels = String(axis._values?.[index] ?? "").split("\n");
    if (place === 0) {
      const x = number(box.left + chart.valToPos(split, "x"));
      const grid = tag("line", { x1: x, x2: x, y1: box.top, y2: box.top + box.height, stroke: hairline });
      return grid + labels.map((label, line) => (
        write(label, { x, y: box.top + box.height + 18 + 14 * line, "text-anchor": "middle", fill: quiet })
      )).join("");
    }
    const y = number(box.top + chart.valToPos(split, axis.scale));
    const isLeft = place === 1;
    const grid = isLeft
      ? tag("line", { x1: box.left, x2: box.left + box.width, y1: y, y2: y, stroke: hairline }) : "";
    return grid + write(labels[0], {
      x: isLeft ? box.left - 8 : box.left + box.width + 8, y, dy: 4, fill: quiet,
      "text-anchor": isLeft ? "end" : "start",
    });
  }).join("")).join("");
}

function drawEventMarks(chart, events, box) {
  const colour = themeColour("--chart-event");
  return events.map((event) => {
    const x = chart.valToPos(event.from, "x");
    const start = Math.max(0, x);
    const end = event.to === null ? x : Math.min(box.width, chart.valToPos(event.to, "x"));
    if (end < 0 || start > box.width) {
      return "";
    }
    const at = number(box.left + start);
    const shade = tag("rect", {
      x: at, y: box.top, width: number(Math.max(0, end - start)), height: box.height, fill: colour, "fill-opacity": 0.1,
    });
    const line = x < 0 ? "" : tag("line", {
      x1: at, x2: at, y1: box.top, y2: box.top + box.height, stroke: colour, "stroke-dasharray": "5 3",
    });
    const y = box.top + box.height - 12;
    return shade + line + tag("circle", { cx: at, cy: y, r: 9, fill: colour })
      + write(event.number, { x: at, y: y + 4, "font-size": 11, "text-anchor": "middle", fill: themeColour("--body-bg") });
  }).join("");
}

function drawChart(chart, list, events, id) {
  const ratio = devicePixelRatio;
  const [left, top, width, height] = ["left", "top", "width", "height"].map((side) => chart.bbox[side] / ratio);
  const box = { left, top, width, height };
  const clip = tag("clipPath", { id }, tag("rect", { x: left, y: top, width, height }));
  const lane = (place) => (list.length === 1 ? {} : { y: top + 3 + 10 * place, height: 8 });
  const gaps = list.flatMap((series, place) => series.drawn.gaps.map((gap) => {
    const x = Math.max(0, chart.valToPos(gap.from, "x"));
    const end = Math.min(width, chart.valToPos(gap.to, "x"));
    const fill = list.length === 1 ? "url(#gap)" : `url(#gap${(series.index % 6) + 1})`;
    return tag("rect", {
      x: number(left + x), y: top, width: number(Math.max(0, end - x)), height, ...lane(place), fill,
    });
  }));
  const lines = list.map((series, place) => drawLines(chart, series, place, box));
  return drawAxes(chart, box) + clip
    + tag("g", { "clip-path": `url(#${id})` }, gaps.join("") + lines.join("")) + drawEventMarks(chart, events, box);
}

function drawSvg(charts, shown, texts, legend, events) {
  const { top, width, height } = measure(charts, legend);
  const foreground = themeColour("--body-fg");
  const makeHatch = (id, stroke, size) => tag(
    "pattern", { id, width: size, height: size, patternUnits: "userSpaceOnUse" },
    tag("path", { d: `M0 ${size}L${size} 0`, stroke }),
  );
  const hatch = makeHatch("gap", themeColour("--hairline-color"), 8)
    + [1, 2, 3, 4, 5, 6].map((each) => makeHatch(`gap${each}`, themeColour(`--chart-${each}`), 5)).join("");
  let y = top;
  const parts = charts.map((chart, index) => {
    const drawn = tag("g", { transform: `translate(${MARGIN} ${y})` }, drawChart(chart, shown[index], events, `plot${index}`));
    y += chart.height + MARGIN;
    return drawn;
  });
  const entries = legend.map(({ text, index }) => {
    const line = tag("line", {
      x1: MARGIN, x2: MARGIN + 28, y1: y + 6, y2: y + 6, "stroke-width": 2,
      stroke: themeColour(`--chart-${(index % 6) + 1}`), "stroke-dasharray": makeDash(index).join(" "),
    });
    y += LINE_HEIGHT;
    return line + write(text, { x: MARGIN + 36, y: y - 10, fill: foreground });
  });
  return tag("svg", {
    xmlns: "http://www.w3.org/2000/svg", viewBox: `0 0 ${width} ${height}`, width, height, "font-family": FONT,
  }, [
    tag("title", {}, escapeXml(texts.title)), tag("defs", {}, hatch),
    tag("rect", { width, height, fill: themeColour("--body-bg") }),
    write(texts.title, { x: MARGIN, y: LINE_HEIGHT, "font-size": 15, "font-weight": 600, fill: foreground }),
    write(texts.caption, { x: MARGIN, y: 2 * LINE_HEIGHT, fill: foreground }), ...parts, ...entries,
  ].join(""));
}
