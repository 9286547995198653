// The plausible ranges of measurement types: dashed lines over the chart, and their words.

const DASH = [10, 6];
const LABEL_ROOM = 4;

/** The different ranges of `list`, each {label, unit, scale, low, high}; null where it is open. */
export function findLimits(list) {
  const limits = new Map();
  for (const { label, unit, low, high } of list) {
    if (low !== null || high !== null) {
      limits.set(`${unit} ${low} ${high}`, { label, unit, scale: `y ${unit}`, low, high });
    }
  }
  return [...limits.values()];
}

const inside = (scale, bound) => bound !== null && bound > scale.min && bound < scale.max;

/** Whether one end of `limit` at least lies among the values that `chart` shows. */
export function isInSight(chart, limit) {
  const scale = chart.scales[limit.scale];
  return scale !== undefined && (inside(scale, limit.low) || inside(scale, limit.high));
}

/** "20 to 250 bpm", in the words of the page's head. */
export function limitWords({ low, high, unit }) {
  const [least, most] = [low, high].map((bound) => bound?.toLocaleString("en"));
  const range = low === null ? `up to ${most}` : high === null ? `from ${least} up` : `${least} to ${most}`;
  return unit ? `${range} ${unit}` : range;
}

/** Draw what of `limits` lies in sight, each line with its words. */
export function drawLimits(chart, limits, { line, tint, paper }) {
  const { ctx, bbox } = chart;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.font = `${12 * ratio}px system-ui, sans-serif`;
  ctx.textAlign = "right";
  for (const limit of limits) {
    const scale = chart.scales[limit.scale];
    const whose = limits.length > 1 ? `${limit.label}: ` : "";
    const ends = [[limit.high, "most", bbox.top, -1], [limit.low, "least", bbox.top + bbox.height, 1]];
    for (const [bound, end, edge, side] of ends) {
      if (!scale || !inside(scale, bound)) {
        continue;
      }
      const y = chart.valToPos(bound, limit.scale, true);
      ctx.fillStyle = tint;
      ctx.fillRect(bbox.left, Math.min(y, edge), bbox.width, Math.abs(edge - y));
      stroke(ctx, bbox, y, line, ratio);
      write(ctx, bbox, y, `${whose}plausible at ${end} ${bound.toLocaleString("en")}`, side, { line, paper, ratio });
    }
  }
  ctx.restore();
}

function stroke(ctx, bbox, y, colour, ratio) {
  ctx.strokeStyle = colour;
  ctx.lineWidth = 2 * ratio;
  ctx.setLineDash(DASH.map((length) => length * ratio));
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.setLineDash([]);
}

/** The words stand on the plausible side of the line, on paper of their own. */
function write(ctx, bbox, y, text, side, { line, paper, ratio }) {
  const height = 16 * ratio;
  const room = LABEL_ROOM * ratio;
  const width = ctx.measureText(text).width + 2 * room;
  const right = bbox.left + bbox.width - room;
  const top = side < 0 ? y + 2 * ratio : y - height - 2 * ratio;
  ctx.fillStyle = paper;
  ctx.fillRect(right - width, top, width, height);
  ctx.fillStyle = line;
  ctx.textBaseline = "middle";
  ctx.fillText(text, right - room, top + height / 2);
}
