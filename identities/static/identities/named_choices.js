// Ties the lists that are searched while typing to their labels: Select2 names them by what is
// chosen, which is nothing at first.
"use strict";

(() => {
  /** Name the list that Select2 has put after `select`; tell whether it is there yet. */
  const name = (select) => {
    const label = document.querySelector(`label[for="${select.id}"]`);
    const list = select.nextElementSibling?.querySelector(".select2-selection");
    const chosen = list?.querySelector(".select2-selection__rendered");
    if (!label || !chosen) {
      return false;
    }
    label.id ||= `${select.id}_label`;
    list.setAttribute("aria-labelledby", `${label.id} ${chosen.id}`);
    chosen.setAttribute("aria-labelledby", label.id);
    return true;
  };

  document.addEventListener("DOMContentLoaded", () => {
    for (const select of document.querySelectorAll("select.admin-autocomplete")) {
      if (!name(select)) {
        new MutationObserver((_, observer) => name(select) && observer.disconnect())
          .observe(select.parentElement, { childList: true });
      }
    }
  });
})();
