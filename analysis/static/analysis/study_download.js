// Download the zips of a study one after the other, into a folder where the browser can write to
// one, else as the browser's own downloads. The numbers of the identities that are done are remembered
// for each choice of content until all are, so a download that was stopped goes on; the browser keeps
// no name. A zip is never in memory as a whole.
/* global gettext, interpolate */
"use strict";

(() => {
  const MAX_TRIES = 5;
  const FIRST_PAUSE_MS = 2000;
  const BETWEEN_DOWNLOADS_MS = 1500;
  const INTERRUPTED = gettext("the connection was interrupted");

  const page = document.getElementById("study-download");
  const find = (selector) => page.querySelector(selector);
  const section = find("section.progress");
  if (!section) {
    return;
  }
  const all = document.getElementById("all-progress");
  const one = document.getElementById("one-progress");
  const total = Number(page.dataset.total);
  const key = page.dataset.progress;
  const done = new Set(JSON.parse(localStorage.getItem(key) || "[]"));
  const pause = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });
  let running = null;

  const say = (text) => { find("[data-status]").textContent = text; };
  const formatBytes = (bytes) => {
    const units = ["B", "KB", "MB", "GB", "TB"];
    let unit = 0;
    for (; bytes >= 1000 && unit < units.length - 1; unit += 1) {
      bytes /= 1000;
    }
    return `${bytes.toFixed(unit > 1 ? 1 : 0)} ${units[unit]}`;
  };
  const showCount = () => {
    all.value = done.size;
    find("[data-count]").textContent = interpolate(gettext("%s of %s"), [done.size, total]);
    find("[data-forget]").hidden = done.size === 0 || running !== null;
    for (const mark of page.querySelectorAll("[data-row]")) {
      mark.textContent = done.has(Number(mark.dataset.row)) ? `✔ ${gettext("done")}` : "";
    }
  };
  const remember = (number) => {
    done.add(number);
    localStorage.setItem(key, JSON.stringify([...done]));
    showCount();
  };
  const showBytes = (received, size, isExact) => {
    const form = !size ? "%s" : isExact ? gettext("%s of %s") : gettext("%s of about %s");
    if (size) {
      one.max = Math.max(size, received);
      one.value = received;
    } else {
      one.removeAttribute("value");
    }
    find("[data-bytes]").textContent = interpolate(form, [received, size].map(formatBytes));
  };
  const fail = (identity, reason) => {
    const item = document.createElement("li");
    item.textContent = interpolate(gettext("%s could not be downloaded: %s"), [identity, reason]);
    find("[data-failures]").append(item);
  };

  class SignedOut extends Error {}

  // Ask until there is a place for another download; throws what makes asking again pointless.
  const ask = async (url, options) => {
    for (;;) {
      const answer = await fetch(url, { ...options, redirect: "manual", signal: running.signal });
      if (answer.type === "opaqueredirect" || answer.status === 401) {
        throw new SignedOut(gettext("You are signed out. Sign in again, then go on."));
      }
      if (answer.status !== 429) {
        return answer;
      }
      say(gettext("Waiting until another download has finished."));
      await pause(1000 * Number(answer.headers.get("Retry-After") || 10));
    }
  };

  async function* identities() {
    let url = page.dataset.list;
    while (url) {
      const answer = await ask(url);
      if (!answer.ok) {
        throw new Error(`${answer.status}`);
      }
      const body = await answer.json();
      yield* body.results;
      url = body.next;
    }
  }

  const readSize = (answer) => {
    const exact = Number(answer.headers.get("Content-Length"));
    return [exact || Number(answer.headers.get("X-Estimated-Bytes")), exact > 0];
  };

  const saveIntoFolder = async (folder, identity, url) => {
    const answer = await ask(url);
    if (!answer.ok) {
      const problem = await answer.json().catch(() => ({}));
      throw new TypeError(problem.detail || `${answer.status}`);
    }
    const [size, isExact] = readSize(answer);
    let received = 0;
    const counting = new TransformStream({
      transform(chunk, controller) {
        received += chunk.byteLength;
        showBytes(received, size, isExact);
        controller.enqueue(chunk);
      },
    });
    // The file appears under its name when it is closed, that is when all of it has arrived.
    const file = await folder.getFileHandle(`${identity}.zip`, { create: true });
    const target = await file.createWritable();
    await answer.body.pipeThrough(counting).pipeTo(target, { signal: running.signal });
  };

  const isInFolder = async (folder, identity) => {
    try {
      const handle = await folder.getFileHandle(`${identity}.zip`);
      return (await handle.getFile()).size > 0;
    } catch {
      return false;
    }
  };

  const startDownload = async (identity, url) => {
    const answer = await ask(url, { method: "HEAD" });
    if (!answer.ok) {
      throw new TypeError(`${answer.status}`);
    }
    const [size, isExact] = readSize(answer);
    showBytes(0, size, isExact);
    const link = document.createElement("a");
    link.href = url;
    link.download = "";
    page.append(link);
    link.click();
    link.remove();
    await pause(BETWEEN_DOWNLOADS_MS);
  };

  const tryOften = async (number, identity, attempt) => {
    for (let tries = 1; ; tries += 1) {
      try {
        await attempt();
        remember(number);
        return;
      } catch (error) {
        if (running.signal.aborted || error instanceof SignedOut || error.name === "QuotaExceededError") {
          throw error;
        }
        if (tries === MAX_TRIES) {
          fail(identity, error.message || INTERRUPTED);
          return;
        }
        await pause(FIRST_PAUSE_MS * 2 ** (tries - 1));
      }
    }
  };

  const downloadAll = async (folder) => {
    for await (const { identity, identity_id: number } of identities()) {
      const isDone = done.has(number) && (!folder || await isInFolder(folder, identity));
      if (isDone) {
        continue;
      }
      const url = page.dataset.archive.replace("IDENTITY", encodeURIComponent(identity));
      say(identity);
      showBytes(0, 0, false);
      await tryOften(number, identity, () => (
        folder ? saveIntoFolder(folder, identity, url) : startDownload(identity, url)
      ));
    }
    if (find("[data-failures]").childElementCount) {
      return gettext("Not all zips are downloaded: start again to fetch those that are left.");
    }
    localStorage.removeItem(key);
    return folder ? gettext("All zips are downloaded.")
      : gettext("All downloads have begun: your browser shows whether they are complete.");
  };

  const run = async (folder) => {
    running = new AbortController();
    find("[data-failures]").replaceChildren();
    const buttons = [...section.querySelectorAll("[data-start]")];
    const stop = find("[data-stop]");
    const shown = buttons.filter((button) => !button.hidden);
    for (const button of shown) {
      button.hidden = true;
    }
    stop.hidden = find("[data-one]").hidden = false;
    stop.focus();
    showCount();
    let result;
    try {
      result = await downloadAll(folder);
    } catch (error) {
      result = running.signal.aborted
        ? gettext("Stopped. It goes on with the next identity that is left.")
        : error.message || INTERRUPTED;
    }
    running = null;
    stop.hidden = find("[data-one]").hidden = true;
    for (const button of shown) {
      button.hidden = false;
    }
    shown[0].focus();
    showCount();
    say(result);
  };

  const chooseFolder = async () => {
    try {
      return await window.showDirectoryPicker({ id: "study-download", mode: "readwrite" });
    } catch {
      return null; // the dialog was closed
    }
  };

  const folderButton = find("[data-start=folder]");
  folderButton.hidden = !window.showDirectoryPicker;
  folderButton.addEventListener("click", async () => {
    const folder = await chooseFolder();
    if (folder) {
      run(folder);
    }
  });
  find("[data-start=browser]").addEventListener("click", () => run(null));
  find("[data-stop]").addEventListener("click", () => running.abort());
  find("[data-forget]").addEventListener("click", () => {
    localStorage.removeItem(key);
    done.clear();
    showCount();
    say("");
    shownFirst().focus();
  });
  const shownFirst = () => section.querySelector("[data-start]:not([hidden])");
  section.hidden = false;
  showCount();
  if (done.size) {
    say(interpolate(gettext("%s are downloaded already; the rest is left."), [done.size]));
  }
})();
