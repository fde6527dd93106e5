#include "coordinator/page/assets.h"

namespace gofarm::page {

constinit const web::Constant kPageScript = R"js(
const kRunsMax = 20000;
const seconds = Number(document.querySelector("[data-refresh]")?.dataset.refresh ?? 0);
const note = document.getElementById("live-note");
let busy = false, missed = false;

function say(text) {
  if (note && note.textContent !== text) note.textContent = text;
}

async function refresh() {
  if (busy) return;
  if (document.hidden) { missed = true; return; }
  busy = true;
  missed = false;
  try {
    const answer = await fetch(location.href, {headers: {Accept: "text/html"}, cache: "no-store"});
    if (!answer.ok) throw new Error(String(answer.status));
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of fresh.querySelectorAll("[data-live]")) {
      const here = document.getElementById(part.id);
      if (!here || here.innerHTML === part.innerHTML) continue;
      if (here.contains(document.activeElement) || holdsSelection(here)) continue;
      here.replaceChildren(...part.childNodes);
    }
    if (attemptOf(fresh) !== attemptOf(document)) location.reload();
    if (document.querySelector("[data-refresh]") && !fresh.querySelector("[data-refresh]")) clearInterval(timer);
    say("");
  } catch (error) {
    say("The farm does not answer now; what is shown is the last that is known.");
  } finally {
    busy = false;
  }
}

function attemptOf(page) {
  return page.querySelector("pre.log")?.dataset.attempt;
}

function holdsSelection(element) {
  const selection = getSelection();
  return selection !== null && !selection.isCollapsed && element.contains(selection.anchorNode);
}

const timer = seconds > 0 ? setInterval(refresh, seconds * 1000) : 0;
document.addEventListener("visibilitychange", () => { if (!document.hidden && missed) refresh(); });

const log = document.querySelector("pre[data-log]");
if (log) {
  const source = new EventSource(log.dataset.log);
  log.scrollTop = log.scrollHeight;
  source.addEventListener("message", (event) => {
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    for (const [classes, text] of JSON.parse(event.data)) {
      const run = document.createElement("span");
      if (classes) run.className = classes;
      run.textContent = text;
      log.append(run);
    }
    while (log.childNodes.length > kRunsMax) log.firstChild.remove();
    if (atEnd) log.scrollTop = log.scrollHeight;
  });
  source.addEventListener("end", () => {
    source.close();
    refresh();
  });
}
)js";

}  // namespace gofarm::page
