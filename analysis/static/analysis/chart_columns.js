// Converts buckets or samples to the columns that uPlot draws, and finds gaps. No DOM.

/**
 * Returns the longest distance between two rows that the line joins, in milliseconds.
 *
 * If buckets are at least as wide as the sampling interval, a missing bucket is a gap. If they are
 * narrower, or if single samples are drawn (width 0), a gap is longer than three intervals.
 */
export function maxJoinedDistance(times, width) {
  const steps = times.slice(1).map((time, index) => time - times[index]).sort((a, b) => a - b);
  const interval = steps.length ? steps[Math.floor(steps.length / 2)] : width;
  return Math.max(interval > width ? 3 * interval : 1.5 * width, 5000);
}

/** Returns the rows of a buckets response: its samples if it has any, else its buckets. */
export function makeRows(body) {
  if (body.samples) {
    const rows = body.samples.map(([time_ms, value]) => (
      { time_ms, mean: value, min: value, max: value, count: 1 }
    ));
    return { rows, width: 0 };
  }
  return { rows: body.buckets, width: body.width_ms };
}

/** Returns the gaps inside `range` and between the series' first and last sample (`extent`). */
export function findGaps(rows, width, maxJoined, range, extent) {
  const gaps = [];
  const start = Math.max(range.from, extent.first);
  const end = Math.min(range.to, extent.last);
  let coveredUntil = start;
  for (const row of rows) {
    // The points of two adjacent buckets are one width apart, which is no gap.
    const distance = row.time_ms - coveredUntil + (coveredUntil === start ? 0 : width);
    if (distance > maxJoined) {
      gaps.push({ from: coveredUntil, to: row.time_ms });
    }
    coveredUntil = row.time_ms + width;
  }
  if (end - coveredUntil > maxJoined) {
    gaps.push({ from: coveredUntil, to: end });
  }
  return gaps;
}

/** Returns the parts of the range in which every one of `lists` has a gap. */
export function intersectGaps(lists) {
  return lists.reduce((common, gaps) => common.flatMap((one) => gaps.map((other) => (
    { from: Math.max(one.from, other.from), to: Math.min(one.to, other.to) }
  ))).filter((gap) => gap.from < gap.to));
}

/**
 * Returns the columns [time, mean, min, max]; null values break the line at a gap.
 *
 * Times are the centres of the buckets minus `shift`. `rows` are the rows of the response,
 * `rowsByIndex[i]` is the row of index i in the columns, null at a gap. `isolated` holds the
 * indexes without neighbours, which need a marker because a line would not show them.
 */
export function makeColumns(body, range, extent, shift = 0) {
  const { rows, width } = makeRows(body);
  const maxJoined = maxJoinedDistance(rows.map((row) => row.time_ms), width);
  const columns = [[], [], [], []];
  const rowsByIndex = [];
  const add = (time, row) => {
    columns[0].push(time - shift);
    columns[1].push(row && row.mean);
    columns[2].push(row && row.min);
    columns[3].push(row && row.max);
    rowsByIndex.push(row);
  };
  rows.forEach((row, index) => {
    const previous = rows[index - 1];
    if (previous && row.time_ms - previous.time_ms > maxJoined) {
      add((previous.time_ms + row.time_ms + width) / 2, null);
    }
    // The first and the last bucket may extend beyond the range; their points stay inside it.
    add(Math.min(Math.max(row.time_ms + width / 2, range.from), range.to), row);
  });
  const isolated = [];
  rowsByIndex.forEach((row, index) => {
    if (row && !rowsByIndex[index - 1] && !rowsByIndex[index + 1]) {
      isolated.push(index);
    }
  });
  const gaps = findGaps(rows, width, maxJoined, range, extent).map((gap) => (
    { from: gap.from - shift, to: gap.to - shift }
  ));
  return { columns, rows, rowsByIndex, isolated, maxJoined, gaps, width };
}
