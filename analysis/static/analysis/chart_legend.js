// The key to the chart: what line, band, dashes and hatching mean, in words beside each mark.
import { isInSight, limitWords } from "./chart_plausible_range.js";

const SVG = "http://www.w3.org/2000/svg";

function mark(className, ...shapes) {
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

function entry(sign, text) {
  const line = document.createElement("li");
  line.append(sign, ` ${text}`);
  return line;
}

/** Write the key of `list` as drawn in `charts` into `place`; `limits` are of findLimits. */
export function showLegend(place, list, limits, charts, dashes) {
  const entries = list.map((each, index) => {
    const single = each.shown.width === 0;
    const sign = mark(`key-${(index % 6) + 1}`, ...(single ? [LINE] : [BAND, LINE]));
    sign.lastChild.setAttribute("stroke-dasharray", dashes[index % dashes.length].join(" "));
    const whose = list.length > 1 ? `${each.title}: ` : "";
    return entry(sign, `${whose}${single ? "each sample" : "mean, in a band from minimum to maximum"}`);
  });
  for (const limit of limits) {
    const isSeen = charts.some((chart) => isInSight(chart, limit));
    const away = isSeen ? "" : ", beyond the values shown";
    const sign = mark("key-limit", LINE);
    entries.push(entry(sign, `plausible range of ${limit.label}: ${limitWords(limit)}${away}`));
  }
  if (list.length === 1 ? list[0].shown.gaps.length : charts.length > 1) {
    entries.push(entry(mark("key-gap", HATCH), "no data"));
  }
  place.replaceChildren(...entries);
}
