// Keeps the status page new: asks for its main part again while somebody looks, and tells times as
// this browser's clock has them. Buttons are forms, sent from here so that the page stays.
"use strict";
(() => {
  const main = document.querySelector("main");
  const told = document.getElementById("told");
  const lang = document.documentElement.lang;
  const words = JSON.parse(told.dataset.words); // for refusals, by their code
  const ago = new Intl.RelativeTimeFormat(lang, { numeric: "auto", style: "short" });
  const LONGEST = 40000; // ms: more than the server waits for its database
  const units = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
  let etag = "", wait = 2000, timer = 0, pressed = false;
  let fast = 0; // ms that this browser's clock is before the server's, if that is more than a minute

  function times() {
    for (const each of document.querySelectorAll("time[datetime]")) {
      const when = new Date(each.dateTime), seconds = (when - Date.now() + fast) / 1000;
      const [unit, size] = units.find(([, s]) => Math.abs(seconds) >= s) || units[3];
      each.title = when.toLocaleString(lang);
      const past = seconds < 0 && each.dataset.past;
      each.textContent = past || ago.format(Math.round(seconds / size), unit);
    }
  }

  // What has the focus: by its id, or among those links of the same place by its number.
  function focused() {
    const each = document.activeElement;
    if (!main.contains(each)) return () => null;
    if (each.id) return () => document.getElementById(each.id);
    const like = each.href ? `a[href="${CSS.escape(each.getAttribute("href"))}"]` : each.localName;
    const place = [...main.querySelectorAll(like)].indexOf(each);
    return () => main.querySelectorAll(like)[place];
  }

  function replace(html) {
    const again = focused();
    const open = [...main.querySelectorAll("details[open]")].map((each) => each.id);
    main.innerHTML = html;
    for (const each of open) document.getElementById(each)?.setAttribute("open", "");
    again()?.focus({ preventScroll: true });
    times();
  }

  // Whether somebody fills in a form, is about to click, or marks text to copy it.
  function busy() {
    const marked = getSelection();
    return pressed || document.querySelector("main :is(input, select):focus") ||
      (!marked.isCollapsed && main.contains(marked.anchorNode));
  }

  async function look() {
    clearTimeout(timer);
    if (document.hidden || busy()) {
      timer = setTimeout(look, 2000);
      return;
    }
    try {
      const address = new URL(location.href);
      address.searchParams.set("part", "main");
      const answer = await fetch(address, {
        headers: { "If-None-Match": etag }, signal: AbortSignal.timeout(LONGEST),
      });
      if (answer.status === 401) { location.reload(); return; }
      fast = Date.now() - Date.parse(answer.headers.get("Date"));
      if (!(Math.abs(fast) > 60000)) fast = 0;
      if (answer.status === 200) {
        const html = await answer.text();
        if (!busy()) {
          etag = answer.headers.get("ETag") || "";
          replace(html);
        }
      } else if (answer.status !== 304) throw new Error(String(answer.status));
      wait = 2000;
      document.body.classList.remove("stale");
    } catch {
      wait = Math.min(wait * 2, 30000);
      document.body.classList.add("stale");
    }
    timer = setTimeout(look, wait);
  }

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (form.method !== "post" || form.dataset.plain !== undefined) return;
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    try {
      const answer = await fetch(form.action, { method: "POST" });
      if (answer.status === 401) { location.reload(); return; }
      const { error } = await answer.json();
      told.textContent = error ? words[error.code] || error.message : form.dataset.done;
      told.className = error ? "bad" : "good";
    } catch {
      told.textContent = told.dataset.silent;
      told.className = "bad";
    }
    button.disabled = false;
    etag = "";
    look();
  });
  for (const name of ["pointerdown", "keydown"]) {
    document.addEventListener(name, () => { pressed = true; });
  }
  for (const name of ["pointerup", "pointercancel", "keyup", "blur"]) {
    addEventListener(name, () => { pressed = false; });
  }
  document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
  setInterval(times, 1000);
  times();
  timer = setTimeout(look, wait);
})();
