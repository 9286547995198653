// The handover card turns green while one watches: asks what has become of its key.
// The address holds the row's number, never the key. Asking ever less often, and not for ever:
// every question keeps the session alive.
"use strict";

(() => {
  const FIRST_MS = 2000;
  const LONGEST_MS = 15000;
  const GROWTH = 1.15;
  const WATCH_MS = 60 * 60 * 1000;

  const place = document.getElementById("registration-status");
  const told = place.querySelector("[data-told]");
  const list = place.querySelector("[data-registered]");
  const again = place.querySelector("[data-again]");
  const ENDS = {
    revoked: "The key was revoked: no device can register with it any more.",
    expired: "The key has expired: make another one.",
  };
  let wait = FIRST_MS;
  let until = Date.now() + WATCH_MS;
  let shownCount = 0;

  const say = (text) => {
    if (told.textContent !== text) { // what is said again is read out again
      told.textContent = text;
    }
  };
  const clock = (time) => `${new Date(time).toISOString().slice(0, 19).replace("T", " ")} UTC`;

  const line = (one) => {
    const item = document.createElement("li");
    const fingerprint = document.createElement("code");
    fingerprint.className = "fingerprint";
    fingerprint.textContent = one.fingerprint;
    const link = document.createElement("a");
    link.href = one.page;
    link.textContent = "Not the device you expected? Suspend or revoke its certificate.";
    item.append(`${clock(one.at)}, ${one.key_type}, ${one.subject}. SHA-256 of its certificate:`);
    item.append(fingerprint, link);
    return item;
  };

  const words = ({ state, identity, uses_left: left, registered, refused }) => {
    if (registered.length) {
      const last = registered[registered.length - 1];
      const more = state === "usable" ? ` ${left} more may register.` : "";
      const ended = ENDS[state] ? ` ${ENDS[state]}` : more;
      return `✔ Registered: ${identity}, ${clock(last.at)}.${ended}`;
    }
    if (ENDS[state]) {
      return ENDS[state];
    }
    const failed = refused ? ` An attempt failed at ${clock(refused.at)}: ${refused.reason}.` : "";
    return `Waiting for the device.${failed}`;
  };

  const show = (answer) => {
    say(words(answer));
    if (answer.registered.length !== shownCount) {
      shownCount = answer.registered.length;
      list.replaceChildren(...answer.registered.map(line));
      wait = FIRST_MS;
    }
    place.classList.toggle("status-registered", shownCount > 0);
    place.classList.toggle("status-ended", shownCount === 0 && answer.state !== "usable");
    return answer.state !== "usable";
  };

  const stop = (text) => {
    say(text);
    again.hidden = false;
  };

  const ask = async () => {
    if (document.hidden) {
      document.addEventListener("visibilitychange", ask, { once: true });
      return;
    }
    if (Date.now() > until) {
      stop("No longer watching, after an hour.");
      return;
    }
    try {
      const answer = await fetch(place.dataset.address, { redirect: "manual", cache: "no-store" });
      if (answer.type === "opaqueredirect" || answer.status === 403) {
        stop("This card can no longer ask: sign in again, or look at the key’s page.");
        return;
      }
      if (answer.ok && show(await answer.json())) {
        return;
      }
    } catch {
      say("The server does not answer; asking again.");
    }
    wait = Math.min(LONGEST_MS, wait * GROWTH);
    setTimeout(ask, wait);
  };

  again.addEventListener("click", () => {
    again.hidden = true;
    wait = FIRST_MS;
    until = Date.now() + WATCH_MS;
    say("Waiting for the device.");
    ask();
  });
  setTimeout(ask, wait);
})();
