// Poll the state of a new key, so that its credential card shows when a device registers.
// The address holds the key's row number, never the key. The interval grows and polling ends
// after an hour: every request keeps the session alive.
/* global gettext, interpolate, ngettext */
"use strict";

(() => {
  const FIRST_INTERVAL_MS = 2000;
  const MAX_INTERVAL_MS = 15000;
  const GROWTH = 1.15;
  const DURATION_MS = 60 * 60 * 1000;

  const panel = document.getElementById("registration-status");
  const message = panel.querySelector("[data-message]");
  const list = panel.querySelector("[data-registered]");
  const again = panel.querySelector("[data-again]");
  const ENDED = {
    revoked: gettext("The key was revoked: no device can register with it any more."),
    expired: gettext("The key has expired: create another one."),
  };
  let interval = FIRST_INTERVAL_MS;
  let until = Date.now() + DURATION_MS;
  let shownCount = 0;

  const showMessage = (text) => {
    if (message.textContent !== text) { // screen readers read out every assignment
      message.textContent = text;
    }
  };
  const formatTime = (time) =>
    `${new Date(time).toISOString().slice(0, 19).replace("T", " ")} UTC`;

  const makeItem = (certificate) => {
    const item = document.createElement("li");
    const fingerprint = document.createElement("code");
    fingerprint.className = "fingerprint";
    fingerprint.textContent = certificate.fingerprint;
    const link = document.createElement("a");
    link.href = certificate.page;
    link.textContent = gettext("Not the device you expected? Suspend or revoke its certificate.");
    const { at, key_type: keyType, subject } = certificate;
    item.append(`${formatTime(at)}, ${keyType}, ${subject}. ${gettext("SHA-256 of its certificate:")}`);
    item.append(fingerprint, link);
    return item;
  };

  const describe = ({ state, identity, uses_left: left, registered, refused }) => {
    if (registered.length) {
      const last = registered[registered.length - 1];
      const more = state === "usable"
        ? interpolate(ngettext("%s more may register.", "%s more may register.", left), [left]) : "";
      const registration = interpolate(gettext("Registered: %s, %s."), [identity, formatTime(last.at)]);
      return `✔ ${registration} ${ENDED[state] ?? more}`.trimEnd();
    }
    if (ENDED[state]) {
      return ENDED[state];
    }
    const failed = refused
      ? interpolate(gettext("An attempt failed at %s: %s."), [formatTime(refused.at), refused.reason])
      : "";
    return `${gettext("Waiting for the device.")} ${failed}`.trimEnd();
  };

  /** Show the answer; return whether the key's state is final. */
  const show = (answer) => {
    showMessage(describe(answer));
    if (answer.registered.length !== shownCount) {
      shownCount = answer.registered.length;
      list.replaceChildren(...answer.registered.map(makeItem));
      interval = FIRST_INTERVAL_MS;
    }
    panel.classList.toggle("status-registered", shownCount > 0);
    panel.classList.toggle("status-ended", shownCount === 0 && answer.state !== "usable");
    return answer.state !== "usable";
  };

  const stop = (text) => {
    showMessage(text);
    again.hidden = false;
  };

  const poll = async () => {
    if (document.hidden) {
      document.addEventListener("visibilitychange", poll, { once: true });
      return;
    }
    if (Date.now() > until) {
      stop(gettext("This page stopped checking after an hour."));
      return;
    }
    try {
      const answer = await fetch(panel.dataset.address, { redirect: "manual", cache: "no-store" });
      if (answer.type === "opaqueredirect" || answer.status === 403) {
        stop(gettext("This page can no longer check the key: log in again, or open the key’s page."));
        return;
      }
      if (answer.ok && show(await answer.json())) {
        return;
      }
    } catch {
      showMessage(gettext("The server does not respond; retrying."));
    }
    interval = Math.min(MAX_INTERVAL_MS, interval * GROWTH);
    setTimeout(poll, interval);
  };

  again.addEventListener("click", () => {
    again.hidden = true;
    interval = FIRST_INTERVAL_MS;
    until = Date.now() + DURATION_MS;
    showMessage(gettext("Waiting for the device."));
    poll();
  });
  setTimeout(poll, interval);
})();
