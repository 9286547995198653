// Plausible ranges of measurement types: dashed lines on the chart and their labels.
/* global gettext, interpolate */

const DASH = [10, 6];
const LABEL_PADDING = 4;

/** Returns the distinct ranges of `list`, {label, unit, scale, low, high}; an open end is null. */
export function findPlausibleRanges(list) {
  const ranges = new Map();
  for (const { label, unit, low, high } of list) {
    if (low !== null || high !== null) {
      ranges.set(`${unit} ${low} ${high}`, { label, unit, scale: `y ${unit}`, low, high });
    }
  }
  return [...ranges.values()];
}

const isInside = (scale, bound) => bound !== null && bound > scale.min && bound < scale.max;

/** Returns whether at least one end of `range` lies within the values that `chart` shows. */
export function isVisible(chart, range) {
  const scale = chart.scales[range.scale];
  return scale !== undefined && (isInside(scale, range.low) || isInside(scale, range.high));
}

/** Formats a range as "20 to 250 bpm", as the header of the page does. */
export function formatPlausibleRange({ low, high, unit }) {
  const [min, max] = [low, high].map((bound) => bound?.toLocaleString("en"));
  const form = low === null ? gettext("up to %(max)s")
    : high === null ? gettext("from %(min)s up") : gettext("%(min)s to %(max)s");
  const range = interpolate(form, { min, max }, true);
  return unit ? `${range} ${unit}` : range;
}

/** Saves the state of `ctx`, and lets it draw inside `box` only until that is restored. */
export function saveAndClip(ctx, { left, top, width, height }) {
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, top, width, height);
  ctx.clip();
  ctx.beginPath();
}

/** Draws the visible ends of `ranges`, each as a labelled line. */
export function drawPlausibleRanges(chart, ranges, { line, tint, background }) {
  const { ctx, bbox } = chart;
  const ratio = devicePixelRatio;
  saveAndClip(ctx, bbox);
  ctx.font = `${12 * ratio}px system-ui, sans-serif`;
  ctx.textAlign = "right";
  for (const range of ranges) {
    const scale = chart.scales[range.scale];
    const prefix = ranges.length > 1 ? `${range.label}: ` : "";
    const ends = [
      [range.high, gettext("plausible maximum"), bbox.top, -1],
      [range.low, gettext("plausible minimum"), bbox.top + bbox.height, 1],
    ];
    for (const [bound, end, edge, side] of ends) {
      if (!scale || !isInside(scale, bound)) {
        continue;
      }
      const y = chart.valToPos(bound, range.scale, true);
      ctx.fillStyle = tint;
      ctx.fillRect(bbox.left, Math.min(y, edge), bbox.width, Math.abs(edge - y));
      drawLine(ctx, bbox, y, line, ratio);
      drawLabel(ctx, bbox, y, `${prefix}${end} ${bound.toLocaleString("en")}`, side, { line, background, ratio });
    }
  }
  ctx.restore();
}

function drawLine(ctx, bbox, y, colour, ratio) {
  ctx.strokeStyle = colour;
  ctx.lineWidth = 2 * ratio;
  ctx.setLineDash(DASH.map((length) => length * ratio));
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.setLineDash([]);
}

/** Draws the label on the plausible side of the line, on an opaque background. */
function drawLabel(ctx, bbox, y, text, side, { line, background, ratio }) {
  const height = 16 * ratio;
  const padding = LABEL_PADDING * ratio;
  const width = ctx.measureText(text).width + 2 * padding;
  const right = bbox.left + bbox.width - padding;
  const top = side < 0 ? y + 2 * ratio : y - height - 2 * ratio;
  ctx.fillStyle = background;
  ctx.fillRect(right - width, top, width, height);
  ctx.fillStyle = line;
  ctx.textBaseline = "middle";
  ctx.fillText(text, right - padding, top + height / 2);
}
