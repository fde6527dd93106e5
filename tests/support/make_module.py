#!/usr/bin/env python3
"""Puts one module version into a folder that serves as a module proxy (file:// URL), in the proxy's real layout.

make_module.py PROXY MODULE VERSION FILE=CONTENT... [--link NAME=TARGET] [--raw NAME=CONTENT] [--lie NAME]
  FILE=CONTENT   a file of the module; "@PATH" as content reads a file; \\n and \\033 style escapes are understood
  --link         a symbolic link inside the zip
  --raw          a zip member with exactly this name (for paths that leave the module)
  --lie NAME     the zip says that NAME is 10 bytes long, whatever it holds
"""
import argparse
import io
import os
import re
import stat
import struct
import sys
import zipfile


def escape(path):
    return re.sub("[A-Z]", lambda m: "!" + m.group(0).lower(), path)


def unescape_text(text):
    if text.startswith("@"):
        with open(text[1:], "rb") as f:
            return f.read()
    return text.encode().decode("unicode_escape").encode("latin-1")


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("proxy")
    p.add_argument("module")
    p.add_argument("version")
    p.add_argument("files", nargs="*")
    p.add_argument("--link", action="append", default=[])
    p.add_argument("--raw", action="append", default=[])
    p.add_argument("--lie", action="append", default=[])
    a = p.parse_args()
    folder = os.path.join(a.proxy, escape(a.module), "@v")
    os.makedirs(folder, exist_ok=True)
    prefix = f"{a.module}@{a.version}/"
    files = {}
    for entry in a.files:
        name, _, content = entry.partition("=")
        files[name] = unescape_text(content)
    mod = files.get("go.mod", f"module {a.module}\n\ngo 1.21\n".encode())
    files["go.mod"] = mod
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as z:
        for name, content in files.items():
            z.writestr(prefix + name, content)
        for entry in a.link:
            name, _, target = entry.partition("=")
            info = zipfile.ZipInfo(prefix + name)
            info.create_system = 3
            info.external_attr = (stat.S_IFLNK | 0o777) << 16
            z.writestr(info, target)
        for entry in a.raw:
            name, _, content = entry.partition("=")
            z.writestr(name, unescape_text(content))
    raw = bytearray(data.getvalue())
    for name in a.lie:
        full = (prefix + name).encode()
        at = raw.find(full)
        struct.pack_into("<I", raw, at - 30 + 22, 10)  # local header: uncompressed size
        at = raw.rfind(full)
        struct.pack_into("<I", raw, at - 46 + 24, 10)  # central directory
    base = os.path.join(folder, a.version)
    with open(base + ".zip", "wb") as f:
        f.write(raw)
    with open(base + ".mod", "wb") as f:
        f.write(mod)
    with open(base + ".info", "w") as f:
        f.write('{"Version":"%s","Time":"2026-01-02T03:04:05Z"}' % a.version)
    listing = os.path.join(folder, "list")
    known = open(listing).read().split() if os.path.exists(listing) else []
    if a.version not in known:
        with open(listing, "a") as f:
            f.write(a.version + "\n")


if __name__ == "__main__":
    sys.exit(main())
