// The credential sheet: print it, save it as CSV, warn before it is left without either.
// The file is made from the page: the server no longer has the keys.
/* global gettext */
"use strict";

(() => {
  const cards = document.querySelector(".cards");
  const message = document.querySelector("[data-message]");
  let isSaved = false;

  addEventListener("beforeunload", (event) => {
    if (!isSaved) {
      event.preventDefault();
    }
  });
  addEventListener("afterprint", () => {
    isSaved = true;
  });

  // Spreadsheets read a cell that begins with one of these as a formula.
  const escapeFormula = (text) => (/^[=+\-@\t\r]/.test(text) ? `'${text}` : text);
  const quote = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

  const makeCsv = () => {
    const rows = Array.from(cards.querySelectorAll("[data-card]"), (card) => [
      card.dataset.identity,
      escapeFormula(card.dataset.note),
      card.querySelector(".secret").textContent.trim(),
      card.dataset.maxUses,
      card.dataset.expiresAt,
      cards.dataset.url,
    ]);
    const header = ["identity", "note", "psk", "max_uses", "expires_at", "url"];
    return [header, ...rows].map((row) => `${row.map(quote).join(",")}\r\n`).join("");
  };

  const save = () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([makeCsv()], { type: "text/csv" }));
    link.download = `${cards.dataset.name.replace(/[^A-Za-z0-9._-]+/g, "-")}-keys.csv`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    isSaved = true;
    message.textContent = gettext(
      "Saved. The file contains the keys: delete it when the devices have them.",
    );
  };

  const showButton = (selector, action) => {
    const button = document.querySelector(selector);
    button.hidden = false;
    button.addEventListener("click", action);
  };
  showButton("[data-print]", () => print());
  showButton("[data-save]", save);
})();
