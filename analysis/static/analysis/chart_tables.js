// The tables below the chart: summary statistics, and the samples or buckets that are drawn.
/* global gettext */
import { STATISTICS, fill, formatCount, formatStatistics, formatValue } from "./chart_text.js";

function makeHeading(scope, text) {
  const cell = document.createElement("th");
  cell.scope = scope;
  cell.textContent = text;
  return cell;
}

/** Shows a row for each statistic and a column for each series of `list`. */
export function showStatistics(head, body, list, summaries) {
  const titles = list.length === 1 ? [list[0].unit || gettext("Value")]
    : list.map((series) => series.title + (series.unit ? ` (${series.unit})` : ""));
  head.replaceChildren(makeHeading("col", gettext("Statistic")), ...titles.map((title) => makeHeading("col", title)));
  const columns = summaries.map(formatStatistics);
  body.replaceChildren(...STATISTICS.map((statistic, index) => {
    const line = document.createElement("tr");
    line.append(makeHeading("row", statistic));
    for (const column of columns) {
      line.insertCell().textContent = column[index];
    }
    return line;
  }));
}

export function makeCaption(list, clock) {
  const hasSamples = list.every((series) => series.drawn.width === 0);
  const form = hasSamples ? gettext("Samples") : gettext("Buckets of the chart");
  return fill(gettext("%(form)s; times: %(zone)s"), { form, zone: clock.zone });
}

/** Shows a row for each sample or bucket; `shift(series)` is subtracted from its times. */
export function showRows(body, list, clock, shift) {
  body.replaceChildren(...list.flatMap((series) => series.drawn.rows.map((row) => {
    const line = document.createElement("tr");
    line.append(makeHeading("row", clock.format(row.time_ms - shift(series))));
    const texts = [formatValue(row.mean), formatValue(row.min), formatValue(row.max), formatCount(row.count)];
    for (const text of list.length > 1 ? [series.title, ...texts] : texts) {
      line.insertCell().textContent = text;
    }
    return line;
  })));
}
