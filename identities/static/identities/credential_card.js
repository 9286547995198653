// The credential card: copy buttons, commands with the secret filled in, time left.
// The page contains the secret in one element; everything here reads it from there.
/* global gettext, interpolate */
"use strict";

(() => {
  const secret = document.getElementById("secret").textContent.trim();

  for (const block of document.querySelectorAll("[data-variable]")) {
    // A leading blank keeps the line out of most shells' history.
    block.textContent = ` ${block.dataset.variable}='${secret}'\n${block.textContent}`;
  }
  for (const hint of document.querySelectorAll("[data-without-script]")) {
    hint.hidden = true;
  }

  const readTexts = (selector) =>
    Array.from(document.querySelectorAll(selector), (element) => element.textContent.trimEnd());

  const select = (selector) => {
    const range = document.createRange();
    range.selectNodeContents(document.querySelector(selector));
    getSelection().removeAllRanges();
    getSelection().addRange(range);
  };

  const copy = async (button) => {
    const message = button.parentElement.querySelector(".copied");
    try {
      await navigator.clipboard.writeText(readTexts(button.dataset.copy).join("\n"));
      message.textContent = gettext("Copied.");
    } catch {
      select(button.dataset.copy);
      message.textContent = gettext("Selected: press Ctrl+C or ⌘C.");
    }
  };
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", () => copy(button));
  }

  const formatDuration = (seconds) => {
    const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
    const first = units.findIndex(([, size]) => seconds >= size);
    return units
      .slice(first, first + 2)
      .map(([unit, size], index) => {
        const whole = index === 0 ? seconds : seconds % units[first][1];
        return `${Math.floor(whole / size)} ${unit}`;
      })
      .join(" ");
  };
  const showTimeLeft = () => {
    for (const element of document.querySelectorAll("[data-until]")) {
      const left = Math.floor((Date.parse(element.dataset.until) - Date.now()) / 1000);
      element.textContent = left > 0
        ? interpolate(gettext("in %s"), [formatDuration(left)]) : gettext("expired");
    }
  };
  showTimeLeft();
  setInterval(showTimeLeft, 1000);
})();
