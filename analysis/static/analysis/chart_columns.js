// Buckets or samples as the columns that uPlot draws, and the gaps between them. No DOM.

/**
 * How far apart two rows may lie and still be joined by the line.
 *
 * Where buckets are as wide as samples are apart or wider, one that is missing means that a
 * device was silent. Where they are narrower, or where samples stand alone (width 0), only three
 * times the usual distance is silence.
 */
export function longestStep(times, width) {
  const steps = times.slice(1).map((time, index) => time - times[index]).sort((a, b) => a - b);
  const usual = steps.length ? steps[Math.floor(steps.length / 2)] : width;
  return Math.max(usual > width ? 3 * usual : 1.5 * width, 5000);
}

/** The rows of an answer of the read API: its samples where it has them, else its buckets. */
export function makeRows(body) {
  if (body.samples) {
    const rows = body.samples.map(([time_ms, value]) => (
      { time_ms, mean: value, min: value, max: value, count: 1 }
    ));
    return { rows, width: 0 };
  }
  return { rows: body.buckets, width: body.width_ms };
}

/** Where nothing came, inside `range` and between the series' first and last sample. */
export function findGaps(rows, width, joined, range, domain) {
  const gaps = [];
  const start = Math.max(range.from, domain.first);
  const end = Math.min(range.to, domain.last);
  let reached = start;
  for (const row of rows) {
    // Between the points of two neighbours lies a width that is no gap.
    if (row.time_ms - reached + (reached === start ? 0 : width) > joined) {
      gaps.push({ from: reached, to: row.time_ms });
    }
    reached = row.time_ms + width;
  }
  if (end - reached > joined) {
    gaps.push({ from: reached, to: end });
  }
  return gaps;
}

/**
 * Columns [time, mean, min, max], where a null in all values opens the line at a gap.
 *
 * Times are the middles of the buckets, so that a point stands over the samples it sums up, less
 * `shift`. `rows[i]` is the row of column i, null at a gap; `lone` the columns without
 * neighbours, which a line would not show.
 */
export function makeColumns(body, range, domain, shift = 0) {
  const { rows: found, width } = makeRows(body);
  const joined = longestStep(found.map((row) => row.time_ms), width);
  const columns = [[], [], [], []];
  const rows = [];
  const add = (time, row) => {
    columns[0].push(time - shift);
    columns[1].push(row && row.mean);
    columns[2].push(row && row.min);
    columns[3].push(row && row.max);
    rows.push(row);
  };
  found.forEach((row, index) => {
    const before = found[index - 1];
    if (before && row.time_ms - before.time_ms > joined) {
      add((before.time_ms + row.time_ms + width) / 2, null);
    }
    // The first and the last bucket may reach over the range: their points stay inside it.
    add(Math.min(Math.max(row.time_ms + width / 2, range.from), range.to), row);
  });
  const lone = [];
  rows.forEach((row, index) => {
    if (row && !rows[index - 1] && !rows[index + 1]) {
      lone.push(index);
    }
  });
  const gaps = findGaps(found, width, joined, range, domain).map((gap) => (
    { from: gap.from - shift, to: gap.to - shift }
  ));
  return { columns, rows, found, lone, joined, gaps, width };
}
