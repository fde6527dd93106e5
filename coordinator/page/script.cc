#include "coordinator/page/assets.h"

namespace gofarm::page {

constinit const web::Constant kPageScript = R"js(
const kRunsMax = 20000;
const seconds = Number(document.querySelector("[data-refresh]")?.dataset.refresh ?? 0);
const note = document.getElementById("live-note");
const log = document.querySelector("pre[data-log]");
let busy = false, missed = false;
let source = null, last = "", over = false, lost = false, again = 0;

function say(text) {
  if (note && note.textContent !== text) note.textContent = text;
}

async function refresh() {
  if (busy) return;
  if (document.hidden) { missed = true; return; }
  busy = true;
  missed = false;
  try {
    // The log is followed apart from this.
    const address = new URL(location.href);
    address.searchParams.set("log", "0");
    const answer = await fetch(address, {headers: {Accept: "text/html"}, cache: "no-store"});
    if (!answer.ok) throw new Error(String(answer.status));
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const parts = fresh.querySelectorAll("[data-live]");
    // The beginning of a page is sent before its content is read: a problem may stand in it all the same.
    if (parts.length === 0) throw new Error("no answer");
    let waits = false;
    for (const part of parts) {
      if (!takeOver(part)) waits = true;
    }
    if (attemptOf(fresh) !== attemptOf(document)) return location.reload();
    if (!waits && !fresh.querySelector("[data-refresh]")) clearInterval(timer);
    if (lost) {
      // Of an attempt that ended meanwhile, the page has the rest.
      if (!fresh.querySelector("pre[data-log]")) return location.reload();
      lost = false;
      follow();
    }
    say(waits ? "Updates wait while this part has the focus or a selection." : "");
  } catch (error) {
    say("The farm does not answer now; what is shown is the last that is known.");
    if (lost) soon(5000);
  } finally {
    busy = false;
  }
}

function soon(milliseconds) {
  clearTimeout(again);
  again = setTimeout(refresh, milliseconds);
}

// False: somebody is at work in this part, so it stays as it is.
function takeOver(part) {
  const here = document.getElementById(part.id);
  if (!here) return true;
  const open = Array.from(here.querySelectorAll("details"), (one) => one.open);
  part.querySelectorAll("details").forEach((one, i) => { one.open = open[i] ?? false; });
  if (here.innerHTML === part.innerHTML) return true;
  if (here.contains(document.activeElement) || holdsSelection(here)) return false;
  here.replaceChildren(...part.childNodes);
  return true;
}

function attemptOf(page) {
  return page.querySelector("pre.log")?.dataset.attempt;
}

function holdsSelection(element) {
  const selection = getSelection();
  return selection !== null && !selection.isCollapsed && element.contains(selection.anchorNode);
}

function append(runs) {
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  for (const [classes, text] of runs) {
    const run = document.createElement("span");
    if (classes) run.className = classes;
    run.textContent = text;
    log.append(run);
  }
  while (log.childNodes.length > kRunsMax) log.firstChild.remove();
  if (atEnd) log.scrollTop = log.scrollHeight;
}

function follow() {
  if (!log || over || document.hidden || (source && source.readyState !== EventSource.CLOSED)) return;
  const address = new URL(log.dataset.log, location.href);
  if (last) address.searchParams.set("offset", last);
  const mine = source = new EventSource(address);
  mine.addEventListener("message", (event) => {
    last = event.lastEventId;
    append(JSON.parse(event.data));
  });
  mine.addEventListener("end", () => {
    over = true;
    mine.close();
    refresh();
  });
  // A connection that breaks is made again by the browser; any status but 200 ends it for good.
  mine.addEventListener("error", () => {
    if (mine.readyState !== EventSource.CLOSED) return;
    lost = true;
    say("The log is interrupted.");
    soon(2000);
  });
}

const timer = seconds > 0 ? setInterval(refresh, seconds * 1000) : 0;
document.addEventListener("visibilitychange", () => {
  // A browser has six connections to a host for all of its tabs: a log that nobody looks at must not hold one.
  if (document.hidden) {
    source?.close();
    return;
  }
  if (missed || lost) refresh();
  if (!lost) follow();
});

if (log) log.scrollTop = log.scrollHeight;
follow();
)js";

}  // namespace gofarm::page
