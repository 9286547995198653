// Events of the range shown: marks in the chart, numbered, and a list of them below it.
/* global gettext */
import { themeColour } from "./chart_drawing.js";

const SYMBOLS = { annotation: "✎", incident: "▲", withdrawal: "✖", certificate: "◆" };
const section = document.getElementById("series-events");
const LAST_TIME = 8.64e15; // that a Date holds
const FLAG = 9; // radius of a number, in CSS pixels

/** Returns the events of all series, each once, with times of the axis and numbers from 1. */
export function mergeEvents(list, bodies, shift) {
  const found = new Map();
  bodies.forEach((body, index) => {
    for (const event of body.results) {
      if (!found.has(event.key)) {
        const by = shift(list[index]);
        found.set(event.key, {
          ...event, from: event.from_ms - by, to: event.to_ms === null ? null : event.to_ms - by,
        });
      }
    }
  });
  const events = [...found.values()].sort((a, b) => a.from - b.from);
  return events.map((event, index) => ({ ...event, number: index + 1 }));
}

/** Shows the list; without events it is hidden. */
export function showEvents(events, clock) {
  section.hidden = events.length === 0;
  section.querySelector("ol").replaceChildren(...events.map((event) => {
    const item = document.createElement("li");
    const end = event.to === null ? "" : ` ${gettext("to")} ${clock.format(event.to)}`;
    const link = document.createElement("a");
    link.href = event.url;
    link.textContent = event.text;
    item.append(`${SYMBOLS[event.kind]} ${clock.format(event.from)}${end}${clock.suffix}: `, link);
    return item;
  }));
}

/** Makes the link to a new note begin with the range shown. */
export function showAnnotateLink({ from, to }) {
  const link = document.getElementById("series-annotate");
  if (!link) {
    return;
  }
  const query = new URLSearchParams(new URL(link.href).search);
  const format = (time) => new Date(Math.min(time, LAST_TIME)).toISOString().slice(0, 19).replace("T", " ");
  query.set("starts_at", format(from));
  query.set("ends_at", format(to));
  link.href = `${link.dataset.url}?${query}`;
}

/** Draws a line with a number at the start of each event and shades its range. */
export function drawEvents(chart, events) {
  const { ctx, bbox } = chart;
  const ratio = devicePixelRatio;
  const right = bbox.left + bbox.width;
  ctx.save();
  ctx.font = `600 ${11 * ratio}px system-ui, sans-serif`;
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  ctx.lineWidth = 1.5 * ratio;
  for (const event of events) {
    const x = chart.valToPos(event.from, "x", true);
    const end = event.to === null ? x : Math.min(right, chart.valToPos(event.to, "x", true));
    const start = Math.max(bbox.left, x);
    if (end < bbox.left || start > right) {
      continue;
    }
    ctx.fillStyle = themeColour("--chart-event-tint");
    ctx.fillRect(start, bbox.top, end - start, bbox.height);
    ctx.strokeStyle = themeColour("--chart-event");
    if (x >= bbox.left) {
      ctx.setLineDash([5 * ratio, 3 * ratio]);
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      ctx.setLineDash([]);
    }
    const y = bbox.top + bbox.height - (FLAG + 3) * ratio;
    ctx.fillStyle = themeColour("--chart-event");
    ctx.beginPath();
    ctx.arc(start, y, FLAG * ratio, 0, 2 * Math.PI);
    ctx.fill();
    ctx.fillStyle = themeColour("--body-bg");
    ctx.fillText(String(event.number), start, y);
  }
  ctx.restore();
}
