// Connect selects with autocomplete with their labels: Select2 names them by the chosen option,
// which is empty at first.
"use strict";

(() => {
  /** Label the element that Select2 inserted after `select`; return whether it exists yet. */
  const label = (select) => {
    const source = document.querySelector(`label[for="${select.id}"]`);
    const box = select.nextElementSibling?.querySelector(".select2-selection");
    const chosen = box?.querySelector(".select2-selection__rendered");
    if (!source || !chosen) {
      return false;
    }
    source.id ||= `${select.id}_label`;
    box.setAttribute("aria-labelledby", `${source.id} ${chosen.id}`);
    chosen.setAttribute("aria-labelledby", source.id);
    return true;
  };

  document.addEventListener("DOMContentLoaded", () => {
    for (const select of document.querySelectorAll("select.admin-autocomplete")) {
      if (!label(select)) {
        new MutationObserver((_, observer) => label(select) && observer.disconnect())
          .observe(select.parentElement, { childList: true });
      }
    }
  });
})();
