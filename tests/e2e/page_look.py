#!/usr/bin/env python3
"""Looks at pages with Debian's headless Chromium, driven over its debugging pipe; prints what is seen as one JSON document.

page_look.py --out DIR [--wait SECONDS] URL...
  Each URL is opened at desk width in light and dark, at phone width, and without scripts. Pictures go into DIR, as
  NUMBER-light.png, -dark.png, -phone.png. Per page: title, text with and without scripts, how far it is wider than the
  phone, addresses that were asked for, dialogs that opened, errors and violations of the page's policy.

page_look.py --watch UNTIL [--faults --stop PID --kill PID] URL
  The page of a job that runs is left open. Without --faults until the job has ended and UNTIL stands in its log. With them,
  the first log is refused, a page comes without its content, and the process --kill is killed while its supervisor --stop
  stands still; each time until the page says so, and then until it has recovered. Tells the state and the log when it was
  loaded and at the end, what the page said, whether it was the same document all the time, and how often the log was got.
"""
import argparse
import base64
import json
import os
import pathlib
import select
import signal
import subprocess
import sys
import tempfile
import time

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--remote-debugging-pipe",
         "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
PATIENCE_S = 120
DESK, PHONE = (1280, 900), (390, 844)


class Browser:
    def __init__(self, profile):
        to_browser, self.to = os.pipe()
        self.come, from_browser = os.pipe()
        words = f"exec chromium \"$@\" 3<&{to_browser} 4>&{from_browser}"
        self.process = subprocess.Popen(["sh", "-c", words, "sh", *FLAGS, f"--user-data-dir={profile}"],
                                        pass_fds=(to_browser, from_browser), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(from_browser)
        self.number, self.buffer, self.events = 0, b"", []

    def close(self):
        self.process.kill()
        self.process.wait()

    def message(self, until):
        while b"\0" not in self.buffer:
            if not select.select([self.come], [], [], max(0, until - time.monotonic()))[0]:
                return None
            data = os.read(self.come, 1 << 20)
            if not data:
                sys.exit("chromium ended")
            self.buffer += data
        text, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, session=None, **parameters):
        self.number += 1
        number = self.number
        said = {"id": number, "method": method, "params": parameters, **({"sessionId": session} if session else {})}
        os.write(self.to, json.dumps(said).encode() + b"\0")
        until = time.monotonic() + PATIENCE_S
        while (answer := self.message(until)) is not None:
            if answer.get("id") == number:
                if "error" in answer:
                    sys.exit(f"{method}: {answer['error']}")
                return answer["result"]
            self.hear(answer)
        sys.exit(f"chromium does not answer {method}")

    def tell(self, method, session, **parameters):
        self.number += 1
        os.write(self.to, json.dumps({"id": self.number, "method": method, "params": parameters, "sessionId": session}).encode() + b"\0")

    def hear(self, event):
        if "method" not in event:
            return  # the answer to what was told
        self.events.append(event)
        # A dialog holds up the page until somebody closes it.
        if event["method"] == "Page.javascriptDialogOpening":
            self.tell("Page.handleJavaScriptDialog", event["sessionId"], accept=True)
        if event["method"] == "Fetch.requestPaused":
            refused = "/log?" in event["params"]["request"]["url"]
            self.tell("Fetch.fulfillRequest", event["sessionId"], requestId=event["params"]["requestId"],
                      responseCode=503 if refused else 200, responseHeaders=[{"name": "Content-Type", "value": "text/html"}],
                      body=base64.b64encode(b"<!DOCTYPE html><main><h1>There is no answer just now</h1></main>").decode())

    def listen(self, seconds, until=None):
        end = time.monotonic() + seconds
        while (event := self.message(end)) is not None:
            self.hear(event)
            if until is not None and event.get("method") == until:
                return True
        return False


def attach(browser):
    target = browser.call("Target.createTarget", url="about:blank")["targetId"]
    session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    for domain in ("Page", "Network", "Log", "Runtime"):
        browser.call(f"{domain}.enable", session)
    return target, session


def load(browser, session, url):
    browser.events.clear()
    browser.call("Page.navigate", session, url=url)
    if not any(e["method"] == "Page.loadEventFired" for e in browser.events) and not browser.listen(PATIENCE_S, "Page.loadEventFired"):
        sys.exit(f"{url} does not load")


def evaluate(browser, session, expression):
    return browser.call("Runtime.evaluate", session, expression=expression, returnByValue=True)["result"].get("value")


STATE = "document.querySelector('#state span')?.textContent ?? ''"
LOG = "document.querySelector('pre.log')?.textContent ?? ''"


def watch(browser, url, until, faults, stop, kill):
    _, session = attach(browser)
    notes, last = [], ""

    def wait_for(what, holds):
        nonlocal last
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            note = evaluate(browser, session, "document.getElementById('live-note')?.textContent ?? ''")
            if note and note != last:
                notes.append(note)
            last = note
            if holds(note):
                return
            browser.listen(0.1)
        sys.exit(f"{url}: {what} does not come; it said {notes}, state {evaluate(browser, session, STATE)}, log {evaluate(browser, session, LOG)}")

    if faults:
        browser.call("Fetch.enable", session, patterns=[{"urlPattern": "*/log\\?*"}, {"urlPattern": "*log=0*"}])
    load(browser, session, url)
    evaluate(browser, session, "window.sameDocument = true")
    seen = {"state_before": evaluate(browser, session, STATE), "log_before": evaluate(browser, session, LOG)}
    if faults:
        wait_for("a word about the page without its content", lambda note: "does not answer" in note)
        browser.call("Fetch.disable", session)
        wait_for("the farm's answer", lambda note: not note)
        os.kill(stop, signal.SIGSTOP)
        try:
            os.kill(kill, signal.SIGKILL)
            wait_for("a word about the coordinator that is gone", lambda note: note)
        finally:
            os.kill(stop, signal.SIGCONT)
        wait_for("the coordinator's return", lambda note: not note)
        wait_for("the log", lambda _: len(logs_got(browser)) >= 2)
    else:
        wait_for("the end", lambda _: evaluate(browser, session, STATE) != "running" and until in evaluate(browser, session, LOG))
    seen.update(state=evaluate(browser, session, STATE), log=evaluate(browser, session, LOG), notes=notes,
                same_document=evaluate(browser, session, "window.sameDocument === true"), logs_got=len(logs_got(browser)))
    return seen


def logs_got(browser):
    return [e for e in browser.events if e["method"] == "Network.responseReceived" and "/log?" in e["params"]["response"]["url"]
            and e["params"]["response"]["status"] == 200]


def look(browser, url, size, dark, scripts, picture, wait):
    target, session = attach(browser)
    browser.call("Emulation.setDeviceMetricsOverride", session, width=size[0], height=size[1], deviceScaleFactor=1, mobile=size == PHONE)
    browser.call("Emulation.setEmulatedMedia", session, features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
    browser.call("Emulation.setScriptExecutionDisabled", session, value=not scripts)
    load(browser, session, url)
    browser.listen(wait)

    def ask(expression):
        return evaluate(browser, session, expression)

    seen = {"title": ask("document.title"), "text": ask("document.body.innerText"),
            "wider": ask("document.documentElement.scrollWidth - document.documentElement.clientWidth"),
            "log": ask(LOG), "red": ask("Array.from(document.querySelectorAll('pre.log .red'), (run) => run.textContent).join('')"),
            "images": ask("document.images.length"), "ground": ask("getComputedStyle(document.body).backgroundColor")}
    if picture is not None:
        shot = browser.call("Page.captureScreenshot", session, format="png")
        picture.write_bytes(base64.b64decode(shot["data"]))
    of = [e for e in browser.events if e.get("sessionId") == session]
    seen["asked"] = sorted({e["params"]["request"]["url"] for e in of if e["method"] == "Network.requestWillBeSent"})
    seen["dialogs"] = [e["params"]["message"] for e in of if e["method"] == "Page.javascriptDialogOpening"]
    seen["errors"] = [e["params"]["entry"]["text"] for e in of if e["method"] == "Log.entryAdded" and e["params"]["entry"]["level"] == "error"]
    seen["errors"] += [e["params"]["exceptionDetails"]["text"] for e in of if e["method"] == "Runtime.exceptionThrown"]
    browser.call("Target.closeTarget", targetId=target)
    return seen


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", type=pathlib.Path)
    p.add_argument("--watch", metavar="UNTIL")
    p.add_argument("--faults", action="store_true")
    p.add_argument("--stop", type=int)
    p.add_argument("--kill", type=int)
    p.add_argument("--wait", type=float, default=2.0, help="how long a page is looked at after it was loaded")
    p.add_argument("urls", nargs="+")
    a = p.parse_args()
    if (a.out is None) == (a.watch is None) or a.faults != (a.stop is not None) or a.faults != (a.kill is not None):
        p.error("either --out or --watch; --faults with both processes")
    if a.out is not None:
        a.out.mkdir(parents=True, exist_ok=True)
    pages = []
    with tempfile.TemporaryDirectory() as profile:
        browser = Browser(profile)
        try:
            if a.watch is not None:
                print(json.dumps(watch(browser, a.urls[0], a.watch, a.faults, a.stop, a.kill)))
                return
            for number, url in enumerate(a.urls):
                name = a.out / str(number)
                pages.append({
                    "url": url,
                    "light": look(browser, url, DESK, False, True, name.with_name(f"{number}-light.png"), a.wait),
                    "dark": look(browser, url, DESK, True, True, name.with_name(f"{number}-dark.png"), 0.2),
                    "phone": look(browser, url, PHONE, False, True, name.with_name(f"{number}-phone.png"), 0.2),
                    "plain": look(browser, url, DESK, False, False, None, 0),
                })
        finally:
            browser.close()
    print(json.dumps(pages))


if __name__ == "__main__":
    sys.exit(main())
