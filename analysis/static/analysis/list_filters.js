"use strict";

// A list is filtered as soon as a select of its form changes.
for (const select of document.querySelectorAll("select[data-submits]")) {
  select.addEventListener("change", () => select.form.requestSubmit());
}
