// Buckets as the columns that uPlot draws. No DOM.

/**
 * How far apart two buckets may lie and still be joined by the line.
 *
 * Where buckets are as wide as samples are apart or wider, one that is missing means that a
 * device was silent. Where they are narrower, most are empty, and only three times the usual
 * distance is silence.
 */
export function longestStep(times, width) {
  const steps = times.slice(1).map((time, index) => time - times[index]).sort((a, b) => a - b);
  const usual = steps.length ? steps[Math.floor(steps.length / 2)] : width;
  return usual > width ? 3 * usual : Math.max(1.5 * width, 5000);
}

/**
 * Columns [time, mean, min, max], where a null in all values opens the line at a gap.
 *
 * Times are the middles of the buckets, so that a point stands over the samples it sums up.
 * `rows[i]` is the bucket of column i, null at a gap; `lone` the columns without neighbours,
 * which a line would not show.
 */
export function makeColumns(buckets, width, range) {
  const joined = longestStep(buckets.map((bucket) => bucket.time_ms), width);
  const columns = [[], [], [], []];
  const rows = [];
  const add = (time, bucket) => {
    columns[0].push(time);
    columns[1].push(bucket && bucket.mean);
    columns[2].push(bucket && bucket.min);
    columns[3].push(bucket && bucket.max);
    rows.push(bucket);
  };
  buckets.forEach((bucket, index) => {
    const before = buckets[index - 1];
    if (before && bucket.time_ms - before.time_ms > joined) {
      add((before.time_ms + bucket.time_ms + width) / 2, null);
    }
    // The first and the last bucket may reach over the range: their points stay inside it.
    const middle = bucket.time_ms + width / 2;
    add(Math.min(Math.max(middle, range.from), range.to), bucket);
  });
  const lone = [];
  rows.forEach((row, index) => {
    if (row && !rows[index - 1] && !rows[index + 1]) {
      lone.push(index);
    }
  });
  return { columns, rows, lone, joined };
}
