// The tables under the chart: the numbers of the range, and what the chart is drawn from.
import { MEASURES, number, numbers, value } from "./chart_text.js";

function heading(scope, text) {
  const cell = document.createElement("th");
  cell.scope = scope;
  cell.textContent = text;
  return cell;
}

/** A row for each measure, a column for each series; `found` are their summaries. */
export function showNumbers(head, body, list, found) {
  const titles = list.length === 1 ? [list[0].unit || "Value"]
    : list.map((each) => each.title + (each.unit ? ` (${each.unit})` : ""));
  head.replaceChildren(heading("col", "Measure"), ...titles.map((title) => heading("col", title)));
  const columns = found.map(numbers);
  body.replaceChildren(...MEASURES.map((measure, place) => {
    const line = document.createElement("tr");
    line.append(heading("row", measure));
    for (const column of columns) {
      line.insertCell().textContent = column[place];
    }
    return line;
  }));
}

export function tableCaption(list, clock) {
  const raw = list.every((each) => each.shown.width === 0);
  return `${raw ? "Samples" : "What the chart is drawn from"}; times are ${clock.zone}`;
}

/** A row for each sample or bucket that was drawn; `shift(each)` is what its times are less by. */
export function showRows(body, list, clock, shift) {
  body.replaceChildren(...list.flatMap((each) => each.shown.found.map((row) => {
    const line = document.createElement("tr");
    line.append(heading("row", clock.readable(row.time_ms - shift(each))));
    const texts = [value(row.mean), value(row.min), value(row.max), number(row.count)];
    for (const text of list.length > 1 ? [each.title, ...texts] : texts) {
      line.insertCell().textContent = text;
    }
    return line;
  })));
}
