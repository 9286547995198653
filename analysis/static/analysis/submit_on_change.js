/* Sends a form of choices as soon as one of its selects changes.

   The arrow keys change a select at each press, so that with the keyboard Enter sends the form.
   The page that follows has the focus on the field that sent it. */

const KEY = "submitted-field";

for (const form of document.querySelectorAll("form[data-submit-on-change]")) {
  let isByKeyboard = false;

  form.addEventListener("pointerdown", () => {
    isByKeyboard = false;
  });
  form.addEventListener("keydown", (event) => {
    isByKeyboard = true;
    if (event.key === "Enter" && event.target.matches("select")) {
      form.requestSubmit();
    }
  });
  form.addEventListener("change", (event) => {
    if (event.target.matches("select") && !isByKeyboard) {
      form.requestSubmit();
    }
  });
  form.addEventListener("submit", () => {
    sessionStorage.setItem(KEY, document.activeElement.name ?? "");
    // Without an action the next page would keep the fragment of this one, and its focus.
    form.setAttribute("action", location.pathname);
  });
  const field = form.elements.namedItem(sessionStorage.getItem(KEY) ?? "");
  if (field) {
    sessionStorage.removeItem(KEY);
    field.focus();
  }
}
