#!/usr/bin/env python3
"""Checks pages by a real parser: check_html.py [--own-script] FILE... Each must be well-formed HTML5 and readable by everybody: language,
title, viewport, landmarks, headings in order, table headers, names of what takes the focus; and it must load nothing, run
nothing (with --own-script: one script that stands in the page) and link only to http, https and this host. Prints each fault
with its file."""
import re
import sys

import html5lib

XHTML = "{http://www.w3.org/1999/xhtml}"
LOADING = {"script", "iframe", "object", "embed", "img", "video", "audio", "source", "base", "form", "frame", "svg", "math"}


def faults_of(data, own_script):
    parser = html5lib.HTMLParser(strict=False)
    root = parser.parse(data, transport_encoding="utf-8")
    for (line, column), code, details in parser.errors:
        yield f"line {line}, column {column}: {code} {details}"
    data.decode("utf-8")  # raises when it is none
    elements = [e for e in root.iter() if isinstance(e.tag, str)]

    def named(*tags):
        return [e for e in elements if e.tag.removeprefix(XHTML) in tags]

    if root.get("lang") != "en":
        yield "no lang"
    for tag in ("title", "header", "main", "footer", "h1"):
        if len(named(tag)) != 1:
            yield f"{len(named(tag))} <{tag}>"
    if not any(e.get("name") == "viewport" for e in named("meta")):
        yield "no viewport"
    if own_script and len(named("script")) != 1:
        yield f"{len(named('script'))} scripts"
    level = 0
    for e in named("h1", "h2", "h3", "h4", "h5", "h6"):
        now = int(e.tag[-1])
        if now > level + 1:
            yield f"<h{now}> follows <h{level}>"
        level = now
        if not "".join(e.itertext()).strip():
            yield f"empty <h{now}>"
    ids = [e.get("id") for e in elements if e.get("id") is not None]
    if len(ids) != len(set(ids)):
        yield "an id twice"
    for e in named("th"):
        if e.get("scope") not in ("row", "col"):
            yield "<th> without scope"
    for table in named("table"):
        if not any(e.tag == XHTML + "th" for e in table.iter()):
            yield "<table> without headers"
    for e in elements:
        tag = e.tag.removeprefix(XHTML)
        if tag in LOADING and not (tag == "script" and own_script and set(e.attrib) == {"type"}):
            yield f"<{tag}>"
        if e.get("tabindex") is not None and not (e.get("aria-label") or e.get("aria-labelledby") in ids):
            yield f"<{tag}> takes the focus and has no name"
        for name, value in e.attrib.items():
            if name.startswith("on") or name in ("style", "src", "action", "srcdoc"):
                yield f"{name}={value!r} of <{tag}>"
            if name == "href":
                if not re.match(r"(https?://[^/]|/(?!/)|#)", value):
                    yield f"href={value!r}"
                if value.startswith("#") and value[1:] not in ids:
                    yield f"href={value!r} leads nowhere"
    for e in named("a"):
        if not "".join(e.itertext()).strip():
            yield f"a link without text to {e.get('href')!r}"
    for time in named("time"):
        if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", time.get("datetime", "")):
            yield "<time> without zone"


def main():
    bad = 0
    own_script = sys.argv[1:2] == ["--own-script"]
    names = sys.argv[2 if own_script else 1:]
    for name in names:
        with open(name, "rb") as file:
            for fault in faults_of(file.read(), own_script):
                print(f"{name}: {fault}")
                bad += 1
    print(f"check_html: {len(names)} pages, {bad} faults")
    return 1 if bad or not names else 0


if __name__ == "__main__":
    sys.exit(main())
