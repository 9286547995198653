// The legend: explains lines, bands, dashes and hatching in words, and hides and shows series.
/* global gettext */
import { MAX_MARKERS, makeDash } from "./chart_drawing.js";
import { formatPlausibleRange, isVisible } from "./chart_plausible_range.js";
import { fill } from "./chart_text.js";

const SVG = "http://www.w3.org/2000/svg";

function makeSymbol(className, ...shapes) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", `key ${className}`);
  svg.setAttribute("viewBox", "0 0 28 14");
  svg.setAttribute("aria-hidden", "true");
  for (const [name, attributes] of shapes) {
    const shape = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) {
      shape.setAttribute(key, value);
    }
    svg.append(shape);
  }
  return svg;
}

const LINE = ["line", { x1: 0, x2: 28, y1: 7, y2: 7 }];
const BAND = ["rect", { x: 0, y: 1, width: 28, height: 12 }];
const HATCH = ["path", { d: "M-2 14 8 0M6 14 16 0M14 14 24 0M22 14 32 0" }];

function makeEntry(symbol, text) {
  const item = document.createElement("li");
  item.append(symbol, ` ${text}`);
  return item;
}

const CROSS = ["path", { d: "M9 2 19 12M19 2 9 12" }];
const TICKS = ["path", { d: "M6 14V5M11 14V5M19 14V5M23 14V5" }];

/** Makes the entry of one of several series a button that hides and shows it. */
function makeToggle(series, symbol, text, onToggle) {
  const item = document.createElement("li");
  const button = item.appendChild(document.createElement("button"));
  button.type = "button";
  button.className = "toggle";
  button.setAttribute("aria-pressed", String(!series.isHidden));
  button.title = series.isHidden ? gettext("Show") : gettext("Hide");
  button.append(symbol, ` ${text}`);
  button.addEventListener("click", () => onToggle(series));
  return item;
}

/** Shows the legend of `list` in `parent`; `ranges` are from findPlausibleRanges. */
export function showLegend(parent, list, ranges, charts, onToggle) {
  const entries = list.map((series) => {
    const hasSamples = series.drawn.width === 0;
    const symbol = makeSymbol(`key-${(series.index % 6) + 1}`, ...(hasSamples ? [LINE] : [BAND, LINE]));
    symbol.lastChild.setAttribute("stroke-dasharray", makeDash(series.index).join(" "));
    const form = hasSamples ? gettext("samples") : gettext("mean, with a band from minimum to maximum");
    return list.length > 1
      ? makeToggle(series, symbol, `${series.title}: ${series.isHidden ? gettext("hidden") : form}`, onToggle)
      : makeEntry(symbol, form);
  });
  if (list.some((series) => series.notKept?.times.length && !series.isHidden)) {
    const isCrowded = list.some((series) => (series.notKept?.times.length ?? 0) > MAX_MARKERS);
    const symbol = makeSymbol("key-not-kept", isCrowded ? TICKS : CROSS);
    entries.push(makeEntry(symbol, gettext("value not kept: a later line of its file has the same time")));
  }
  for (const range of ranges) {
    const isShown = charts.some((chart) => isVisible(chart, range));
    const form = isShown ? gettext("plausible range of %(label)s: %(range)s")
      : gettext("plausible range of %(label)s: %(range)s, outside the values shown");
    const text = fill(form, { label: range.label, range: formatPlausibleRange(range) });
    entries.push(makeEntry(makeSymbol("key-limit", LINE), text));
  }
  if (list.some((series) => series.drawn.gaps.length && !series.isHidden)) {
    const isOverlaid = list.length > 1 && charts.length === 1;
    const text = isOverlaid
      ? gettext("no data: a strip at the top in the colour of the series, the full height where all have none")
      : gettext("no data");
    entries.push(makeEntry(makeSymbol("key-gap", HATCH), text));
  }
  parent.replaceChildren(...entries);
}
