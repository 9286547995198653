// The sheet of handover cards: print it, save it as CSV, be asked before it is left unread.
// The file is made here, from the page: the server has the keys no more.
"use strict";

(() => {
  const cards = document.querySelector(".cards");
  const told = document.querySelector("[data-told]");
  let kept = false;

  addEventListener("beforeunload", (event) => {
    if (!kept) {
      event.preventDefault();
    }
  });
  addEventListener("afterprint", () => {
    kept = true;
  });

  // A spreadsheet takes a cell that begins with one of these for a formula.
  const inert = (text) => (/^[=+\-@\t\r]/.test(text) ? `'${text}` : text);
  const cell = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

  const csv = () => {
    const rows = Array.from(cards.querySelectorAll("[data-card]"), (card) => [
      card.dataset.identity,
      inert(card.dataset.note),
      card.querySelector(".secret").textContent.trim(),
      card.dataset.maxUses,
      card.dataset.expiresAt,
      cards.dataset.url,
    ]);
    const head = ["identity", "note", "psk", "max_uses", "expires_at", "url"];
    return [head, ...rows].map((row) => `${row.map(cell).join(",")}\r\n`).join("");
  };

  const save = () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
    link.download = `${cards.dataset.name.replace(/[^A-Za-z0-9._-]+/g, "-")}-keys.csv`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    kept = true;
    told.textContent = "Saved. The file holds the keys: delete it when they are handed over.";
  };

  const offer = (selector, act) => {
    const button = document.querySelector(selector);
    button.hidden = false;
    button.addEventListener("click", act);
  };
  offer("[data-print]", () => print());
  offer("[data-save]", save);
})();
