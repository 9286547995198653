// Reads the calendar of days without a mouse: one tab stop, arrow keys move between days.

const days = Array.from(document.querySelectorAll(".calendar a"));
const output = document.getElementById("calendar-day");
const STEPS = { ArrowUp: -1, ArrowDown: 1, ArrowLeft: -7, ArrowRight: 7 };

function show(day) {
  output.textContent = day.getAttribute("aria-label");
}

function focusDay(index) {
  const day = days[Math.min(Math.max(index, 0), days.length - 1)];
  days.forEach((each) => each.setAttribute("tabindex", each === day ? "0" : "-1"));
  day.focus();
}

days.forEach((day, index) => {
  day.addEventListener("focus", () => show(day));
  day.addEventListener("pointerenter", () => show(day));
  day.addEventListener("keydown", (event) => {
    const ends = { Home: 0, End: days.length - 1 };
    const target = event.key in STEPS ? index + STEPS[event.key] : ends[event.key];
    if (target !== undefined && !event.ctrlKey && !event.altKey && !event.metaKey) {
      event.preventDefault();
      focusDay(target);
    }
  });
});
days.at(-1)?.setAttribute("tabindex", "0");
