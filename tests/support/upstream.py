#!/usr/bin/env python3
"""The outside services of a catalog on one port of this machine, over real HTTP: the module index, deps.dev, GitHub,
pkg.go.dev and a front of the module proxy, with their shapes, limits, pages, redirects and failures.

upstream.py [--port P] [--modules N] [--lines L] [--eligible E] [--seed S] ...   serves until it is ended; prints "ready PORT"
upstream.py --jsonl FILE [--modules N] [--lines L] ...                           writes the index as JSON lines and ends

  /index/index                  pages of at most 2,000 lines; `since` inclusive
  /proxy/...                    corpus modules and what their go.mod files require go to the real proxy (GOPROXY); every other
                                path is answered here, so no generated name leaves this machine; also /proxy/cached-only/...
                                (a corpus module without go.mod cannot be built through it: nothing says what it requires)
  /depsdev/v3alpha/versionbatch, projectbatch, /depsdev/v3/...
  /github/graphql, /repos/O/R, /repositories/ID, /search/repositories
  /pkgsite/v1/module, packages, imported-by, versions
  POST /control/publish {"path", "version", "files"}   a version that the index tells from now on; answers {"timestamp"}
  /stats  requests and bytes by service, what broke a rule of theirs     /truth  what a catalog must count

Each kind of failure shows once or for some modules, as with the real ones: 503 with Retry-After, a page that lost its end, 429,
502 to a query that is too large, a secondary limit, a zip behind a redirect. --calm leaves them out.
"""
import argparse
import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import upstream_data  # noqa: E402

PAGE_LINES = 2000
BATCH_MAX, BATCH_PAGE = 5000, 100
ALIASES_AT_ONCE = 60
SEARCH_MAX = 1000
HOUR = 3600


def escape(path):
    return re.sub("[A-Z]", lambda m: "!" + m.group().lower(), path)


def unescape(text):
    return re.sub("!([a-z])", lambda m: m.group(1).upper(), text)


class Services:
    """What all requests share: the world, the counters, and which failures have shown already."""

    def __init__(self, world, options):
        self.world, self.options = world, options
        self.lock = threading.Lock()
        self.stats = {"requests": {}, "bytes": {}, "rules_broken": [], "whole_zips": 0, "range_requests": 0, "graphql_calls": 0,
                      "graphql_aliases": 0, "passed_on": 0}
        self.shown = set()
        self.anonymous = {"since": time.time(), "used": 0}
        self.recent = {}  # service -> times of the last second
        self.real = self._real_proxy()
        self.allowed = set(world.corpus)  # modules whose names may be passed on

    @staticmethod
    def _real_proxy():
        listed = os.environ.get("GOPROXY", "")
        if not listed and shutil.which("go"):
            listed = subprocess.run(["go", "env", "GOPROXY"], capture_output=True, text=True, check=False).stdout.strip()
        for entry in re.split("[,|]", listed):
            if re.match("(https?|file)://", entry):
                return entry.rstrip("/")
        return None

    def first(self, what):
        """True once, and never when calm."""
        if self.options.calm:
            return False
        with self.lock:
            new = what not in self.shown
            self.shown.add(what)
        return new

    def broken(self, what):
        with self.lock:
            if len(self.stats["rules_broken"]) < 50:
                self.stats["rules_broken"].append(what)

    def too_fast(self, service, per_second):
        now = time.monotonic()
        with self.lock:
            times = [t for t in self.recent.get(service, []) if t > now - 1]
            times.append(now)
            self.recent[service] = times
        return len(times) > per_second

    def learn(self, go_mod):
        """What a go.mod of the real proxy requires may be asked of it too."""
        names = re.findall(r"(?m)^\s*(?:require\s+)?([a-z0-9][\w.-]*\.[\w./~-]+)\s+v\d", go_mod)
        names += re.findall(r"=>\s*([a-z0-9][\w.-]*\.[\w./~-]+)\s+v\d", go_mod)
        with self.lock:
            self.allowed.update(names)

    def may_pass(self, module):
        with self.lock:
            return module in self.allowed and self.world.number_of(module) is None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    services = None

    def log_message(self, *args):
        pass

    # ---- answers --------------------------------------------------------------------------------------------------------------
    def send(self, status, body=b"", kind="application/json", size=None, **headers):
        if not isinstance(body, bytes):
            body = (body if isinstance(body, str) else json.dumps(body)).encode()
        service = self.path.split("/")[1]
        with self.services.lock:
            for counter, n in (("requests", 1), ("bytes", len(body))):
                self.services.stats[counter][service] = self.services.stats[counter].get(service, 0) + n
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body) if size is None else size))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def text(self, status, body, **headers):
        self.send(status, body, "text/plain; charset=utf-8", **headers)

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = {k: v[-1] for k, v in urllib.parse.parse_qs(url.query, keep_blank_values=True).items()}
        service, _, rest = url.path.lstrip("/").partition("/")
        route = {"index": self.index, "proxy": self.proxy, "depsdev": self.depsdev, "github": self.github, "pkgsite": self.pkgsite,
                 "storage": self.storage}.get(service)
        if service == "stats":
            with self.services.lock:
                body = json.dumps(self.services.stats)
            return self.send(200, body)
        if service == "truth":
            return self.send(200, self.services.world.truth())
        if route is None:
            return self.text(404, "not found")
        if not self.headers.get("User-Agent"):
            self.services.broken(service + ": no User-Agent")
        route(rest, query)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.lstrip("/")
        try:
            asked = json.loads(body)
        except ValueError:
            return self.send(400, {"code": 3, "message": "the body is no JSON"})
        if path == "control/publish":
            with self.services.lock:
                moment = self.services.world.publish(asked["path"], asked["version"], asked["files"], time.time_ns() // 1000)
            return self.send(200, {"timestamp": moment})
        if path == "github/graphql":
            return self.graphql(asked)
        if path in ("depsdev/v3alpha/versionbatch", "depsdev/v3alpha/projectbatch"):
            return self.batch(asked, path.endswith("versionbatch"))
        self.text(404, "not found")

    # ---- index ----------------------------------------------------------------------------------------------------------------
    def index(self, rest, query):
        s = self.services
        if rest != "index":
            return self.text(404, "not found")
        try:
            since = upstream_data.micros(query["since"]) if query.get("since") else s.world.first
            limit = min(int(query.get("limit", PAGE_LINES)), PAGE_LINES)
            if limit < 1:
                raise ValueError(limit)
        except ValueError:
            s.broken("index: " + self.path[:80])
            return self.text(400, "invalid since or limit")
        if s.first("index 503"):
            return self.text(503, "try again", Retry_After=1)
        lines = s.world.page(since, limit)
        body = "".join(line + "\n" for line in lines)
        if len(lines) > 1 and s.first("index cut"):
            return self.send(200, body[:-1])  # what a relay lost
        if len(lines) > 1 and s.first("index short"):
            self.send(200, body, size=len(body.encode()) + 100)
            self.close_connection = True
            return None
        self.send(200, body)

    # ---- module proxy ---------------------------------------------------------------------------------------------------------
    def proxy(self, rest, query):
        s = self.services
        rest = urllib.parse.unquote(rest)
        if rest.startswith("sumdb/"):
            return self.checksums(rest)
        cached = rest.startswith("cached-only/")
        if cached:
            rest = rest[len("cached-only/"):]
        m = re.fullmatch(r"([^@]+)/@(latest|v/list|v/([^/]+)\.(info|mod|zip))", rest)
        if not m or re.search("[A-Z]", m.group(1)):
            s.broken("proxy: " + rest[:80])
            return self.text(404, "not found: not a path of a proxy")
        path, version, kind = unescape(m.group(1)), unescape(m.group(3) or ""), m.group(4) or m.group(2)
        if s.may_pass(path):
            return self.pass_on(path, rest, kind)
        module = s.world.module(path)
        if module is None or module.corpus:
            return self.text(404, "not found: module %s: no such module here" % path)
        if cached and module.number % 41 == 3:
            return self.text(404, "not found: not cached")
        status = {"404": 404, "410": 410, "403": 403, "451": 451}.get(module.state)
        if module.state == "flap" and s.first("flap " + path + kind):
            return self.text(503, "later", Retry_After=1)
        if module.state == "timeout":
            return self.text(404, "not found: fetch timed out")
        if status:
            return self.text(status, "not found: gone" if status in (404, 410) else "refused")
        if kind == "v/list":
            return self.text(200, "".join(v + "\n" for v in module.versions if not v.startswith("v0.0.0-")))
        if kind == "latest":
            version, kind = module.latest, "info"
        if version not in module.versions:
            return self.text(404, "not found: %s@%s: invalid version: unknown revision" % (path, version))
        if kind == "info":
            origin = {"VCS": "git", "URL": "https://" + module.repository} if module.repository else {}
            return self.send(200, {"Version": version, "Time": "2025-01-01T00:00:00Z", **({"Origin": origin} if origin else {})})
        if kind == "mod":
            return self.text(200, module.go_mod(version))
        if module.number % 4 == 1 and self.command == "GET":
            # Behind a signed address for a while, as a storage gives it.
            return self.text(302, "", Location="/storage/%s@%s.zip?expires=%d" % (escape(path), escape(version), time.time() + 60))
        self.zip(module.zip_bytes(version))

    def storage(self, rest, query):
        m = re.fullmatch(r"(.+)@([^/]+)\.zip", urllib.parse.unquote(rest))
        module = self.services.world.module(unescape(m.group(1))) if m else None
        if module is None or float(query.get("expires", 0)) < time.time():
            return self.text(403, "the address has expired")
        self.zip(module.zip_bytes(unescape(m.group(2))))

    def zip(self, data):
        s = self.services
        tag = '"%s"' % hashlib.sha256(data).hexdigest()
        if self.command == "HEAD":
            return self.send(200, b"", "application/zip", size=len(data), Accept_Ranges="bytes", ETag=tag)
        m = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range") or "")
        if not m or m.group() == "bytes=-":
            with s.lock:
                s.stats["whole_zips"] += 1
            return self.send(200, data, "application/zip", ETag=tag, Cache_Control="public, max-age=10800")
        a, b = m.groups()
        low = int(a) if a else max(len(data) - int(b), 0)
        high = min(int(b), len(data) - 1) if a and b else len(data) - 1
        if low > high:
            return self.text(416, "", Content_Range="bytes */%d" % len(data))
        with s.lock:
            s.stats["range_requests"] += 1
        self.send(206, data[low:high + 1], "application/zip", Content_Range="bytes %d-%d/%d" % (low, high, len(data)), ETag=tag)

    def pass_on(self, module, rest, kind):
        s = self.services
        if s.real is None:
            return self.text(404, "not found: GOPROXY names no proxy to pass this on to")
        with s.lock:
            s.stats["passed_on"] += 1
        url = s.real + "/" + urllib.parse.quote(rest, safe="/!@+~.,-_")
        request = urllib.request.Request(url, method=self.command if url.startswith("http") else "GET",
                                         headers={"User-Agent": self.headers.get("User-Agent", "upstream.py")})
        wanted = self.headers.get("Range")
        if wanted and url.startswith("http"):
            request.add_header("Range", wanted)
        try:
            with urllib.request.urlopen(request, timeout=90) as answer:
                body = answer.read()
                if kind == "mod":
                    s.learn(body.decode("utf-8", "replace"))
                if kind == "zip" and not url.startswith("http"):
                    return self.zip(body)
                headers = {n.replace("-", "_"): answer.headers[n] for n in ("Content-Range", "ETag", "Accept-Ranges") if answer.headers[n]}
                size = answer.headers["Content-Length"] if self.command == "HEAD" else None
                if kind == "zip" and self.command == "GET":
                    with s.lock:
                        s.stats["range_requests" if answer.status == 206 else "whole_zips"] += 1
                return self.send(answer.status or 200, body, answer.headers["Content-Type"] or "text/plain", size=size, **headers)
        except urllib.error.HTTPError as e:
            return self.text(e.code, e.read())
        except (urllib.error.URLError, OSError) as e:
            if isinstance(getattr(e, "reason", None), FileNotFoundError) or "No such file" in str(e):
                return self.text(404, "not found")
            return self.text(502, "no answer of the proxy behind: %s" % e)

    def checksums(self, rest):
        """Of the checksum database behind the real proxy: trees and tiles, and records of names that may be passed on."""
        m = re.fullmatch(r"sumdb/[\w.-]+/(supported|latest|tile/.+|lookup/([^@]+)@.+)", rest)
        if not m or not (self.services.real or "").startswith("http") or (m.group(2) and not self.services.may_pass(unescape(m.group(2)))):
            return self.text(404, "not found")
        self.pass_on("", rest, "sumdb")

    # ---- deps.dev -------------------------------------------------------------------------------------------------------------
    def version_json(self, module, version):
        links, related = [], []
        if module.repository:
            links = [{"label": "SOURCE_REPO", "url": "https://" + module.repository}]
            related = [{"projectKey": {"id": module.repository.lower()}, "relationProvenance": "GO_ORIGIN", "relationType": "SOURCE_REPO"}]
        license = {"": [], "NOASSERTION": ["non-standard"]}.get(module.license, [module.license])
        return {"versionKey": {"system": "GO", "name": module.path, "version": version}, "publishedAt": "2025-01-01T00:00:00Z",
                "isDefault": version == module.latest, "isDeprecated": module.number % 97 == 5, "deprecatedReason": "", "licenses": license,
                "advisoryKeys": [], "links": links, "slsaProvenances": [], "attestations": [], "registries": [], "relatedProjects": related}

    def project_json(self, module):
        license = {"": "", "NOASSERTION": "non-standard"}.get(module.license, module.license)
        return {"projectKey": {"id": module.repository.lower()}, "openIssuesCount": 1, "starsCount": module.stars, "forksCount": module.stars // 9,
                "license": license, "description": module.description or "", "homepage": module.homepage or ""}

    def known_version(self, key):
        module = self.services.world.module(key.get("name") or "")
        known = module and module.depsdev and key.get("version") in module.versions
        return self.version_json(module, key["version"]) if known else None

    def known_project(self, name):
        module = self.services.world.repository(name or "")
        return self.project_json(module) if module and module.depsdev and not module.gone else None

    def batch(self, asked, versions):
        s = self.services
        requests = asked.get("requests", [])
        if len(requests) > BATCH_MAX:
            s.broken("depsdev: a batch of %d" % len(requests))
            return self.send(400, {"code": 3, "message": "at most %d requests" % BATCH_MAX, "details": []})
        if s.first("depsdev 429"):
            return self.send(429, {"code": 8, "message": "Resource exhausted", "details": []}, Retry_After=1)
        try:
            at = int(base64.b64decode(asked.get("pageToken") or "MA=="))
        except ValueError:
            return self.send(400, {"code": 3, "message": "invalid page token", "details": []})
        out = []
        # Not in the order of the questions: they are matched by what they repeat.
        for request in reversed(requests[at:at + BATCH_PAGE]):
            if versions:
                if request.get("versionKey", {}).get("system") != "GO":
                    s.broken("depsdev: system %s" % request.get("versionKey", {}).get("system"))
                value, member = self.known_version(request.get("versionKey", {})), "version"
            else:
                value, member = self.known_project(request.get("projectKey", {}).get("id")), "project"
            # Unknown: the member is missing, or null.
            out.append({"request": request, member: value} if value or len(out) % 2 else {"request": request})
        more = at + BATCH_PAGE < len(requests)
        self.send(200, {"responses": out, "nextPageToken": base64.b64encode(b"%d" % (at + BATCH_PAGE)).decode() if more else ""})

    def depsdev(self, rest, query):
        unknown = {"code": 5, "message": "not found", "details": []}
        m = re.fullmatch(r"v3/systems/go/packages/([^/]+)(?:/versions/([^/]+))?", rest)
        if m:
            module = self.services.world.module(urllib.parse.unquote(m.group(1)))
            if module is None or not module.depsdev:
                return self.send(404, unknown)
            if m.group(2):
                value = self.known_version({"name": module.path, "version": urllib.parse.unquote(m.group(2))})
                return self.send(200, value) if value else self.send(404, unknown)
            versions = [self.version_json(module, v) for v in module.versions]
            return self.send(200, {"packageKey": {"system": "GO", "name": module.path}, "versions": versions})
        m = re.fullmatch(r"v3/projects/([^/:]+)", rest)
        value = self.known_project(urllib.parse.unquote(m.group(1))) if m else None
        self.send(200, value) if value else self.send(404, unknown)

    # ---- GitHub ---------------------------------------------------------------------------------------------------------------
    def limits(self, resource, limit, remaining, reset):
        return {"x_ratelimit_limit": limit, "x_ratelimit_remaining": remaining, "x_ratelimit_used": limit - remaining,
                "x_ratelimit_reset": int(reset), "x_ratelimit_resource": resource}

    def authorized(self, resource):
        """The fields of its limit, or None when the answer is given already."""
        s, token = self.services, self.services.options.token
        said = self.headers.get("Authorization") or ""
        if said and said.split(" ")[-1] != token:
            s.broken("github: a wrong token")
            self.send(401, {"message": "Bad credentials"})
            return None
        if said:
            return self.limits(resource, 30 if resource == "search" else 5000, 20 if resource == "search" else 4000, time.time() + HOUR)
        with s.lock:
            if time.time() > s.anonymous["since"] + HOUR:
                s.anonymous.update(since=time.time(), used=0)
            s.anonymous["used"] += 1
            left, reset = 60 - s.anonymous["used"], s.anonymous["since"] + HOUR
        if left < 0 or resource == "graphql":
            self.send(403, {"message": "API rate limit exceeded"}, **self.limits(resource, 60, 0, reset))
            return None
        return self.limits(resource, 60, left, reset)

    def rest_json(self, module):
        return {"id": module.repository_id, "full_name": module.full_name, "description": module.description, "homepage": module.homepage,
                "stargazers_count": module.stars, "language": "Go", "topics": module.topics, "fork": module.fork, "archived": module.archived,
                "disabled": False, "default_branch": "main", "pushed_at": "2026-09-01T00:00:00Z",
                "license": {"key": module.license.lower(), "spdx_id": module.license} if module.license else None}

    def on_github(self, name):
        module = self.services.world.repository("github.com/" + name)
        return module if module and module.repository.startswith("github.com/") and not module.gone else None

    def graphql(self, asked):
        s = self.services
        limits = self.authorized("graphql")
        if limits is None:
            return None
        text, variables = asked.get("query") or "", asked.get("variables") or {}
        names = []
        for m in re.finditer(r"(\w+)\s*:\s*repository\s*\(([^)]*)\)", text):
            given = dict(re.findall(r'(owner|name)\s*:\s*("(?:[^"\\]|\\.)*"|\$\w+)', m.group(2)))
            owner, name = (variables.get(v[1:], "") if v.startswith("$") else json.loads(v) for v in (given.get("owner", '""'), given.get("name", '""')))
            names.append((m.group(1), owner, name))
        with s.lock:
            s.stats["graphql_calls"] += 1
            s.stats["graphql_aliases"] += len(names)
        if len(names) > ALIASES_AT_ONCE and s.first("graphql 502"):
            return self.send(502, "<html>502 Bad Gateway</html>", "text/html")
        if s.first("graphql secondary"):
            return self.send(403, {"message": "You have exceeded a secondary rate limit."}, Retry_After=1)
        data, errors = {}, []
        for alias, owner, name in names:
            module = self.on_github(owner + "/" + name)
            if module is None:
                data[alias] = None
                errors.append({"type": "NOT_FOUND", "path": [alias], "locations": [{"line": 1, "column": 1}],
                               "message": "Could not resolve to a Repository with the name '%s/%s'." % (owner, name)})
                continue
            data[alias] = {"databaseId": module.repository_id, "nameWithOwner": module.full_name, "description": module.description,
                           "homepageUrl": module.homepage, "stargazerCount": module.stars, "isArchived": module.archived, "isFork": module.fork,
                           "pushedAt": "2026-09-01T00:00:00Z", "licenseInfo": {"spdxId": module.license} if module.license else None,
                           "defaultBranchRef": {"name": "main"}, "repositoryTopics": {"nodes": [{"topic": {"name": t}} for t in module.topics]}}
        if "rateLimit" in text:
            reset = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + HOUR))
            data["rateLimit"] = {"cost": 1, "remaining": 4000, "resetAt": reset}
        self.send(200, {"data": data, **({"errors": errors} if errors else {})}, **limits)

    def github(self, rest, query):
        limits = self.authorized("search" if rest.startswith("search/") else "core")
        if limits is None:
            return None
        if rest == "search/repositories":
            return self.search(query, limits)
        m = re.fullmatch(r"repos/([^/]+)/([^/]+)", rest)
        module = self.on_github(m.group(1) + "/" + m.group(2)) if m else None
        if module and module.full_name.lower() != (m.group(1) + "/" + m.group(2)).lower():
            with self.services.lock:
                self.services.shown.add(("id", module.repository_id, module.repository))
            return self.send(301, {"message": "Moved Permanently"}, Location="/github/repositories/%d" % module.repository_id, **limits)
        by_id = re.fullmatch(r"repositories/(\d+)", rest)
        if by_id:
            with self.services.lock:
                names = [x[2] for x in self.services.shown if isinstance(x, tuple) and x[1] == int(by_id.group(1))]
            module = self.services.world.repository(names[0]) if names else None
        if module is None:
            return self.send(404, {"message": "Not Found", "documentation_url": ""}, **limits)
        body = self.rest_json(module)
        tag = 'W/"%s"' % hashlib.sha256((json.dumps(body) + (self.headers.get("Authorization") or "")).encode()).hexdigest()
        if self.headers.get("If-None-Match") == tag:
            return self.send(304, b"", ETag=tag, **limits)
        self.send(200, body, ETag=tag, **limits)

    def search(self, query, limits):
        world = self.services.world
        words = query.get("q", "").split()
        topics = [w[6:] for w in words if w.startswith("topic:")]
        low, high = 0, 1 << 40
        for word in words:
            m = re.fullmatch(r"stars:(?:(\d+)\.\.(\d+)|>=(\d+))", word)
            if m:
                low, high = (int(m.group(1)), int(m.group(2))) if m.group(1) else (int(m.group(3)), high)
        page, size = int(query.get("page", 1)), min(int(query.get("per_page", 30)), 100)
        if page * size > SEARCH_MAX:
            return self.send(422, {"message": "Only the first 1000 search results are available"}, **limits)
        modules = list(world.corpus.values()) + [world.generated(k) for k in range(min(world.eligible, 20_000))]
        found = {m.full_name: m for m in modules if m.repository and m.repository.startswith("github.com/") and not m.gone
                 and all(t in m.topics for t in topics) and low <= m.stars <= high}
        ordered = sorted(found.values(), key=lambda m: (-m.stars, m.full_name))
        items = [self.rest_json(m) for m in ordered[(page - 1) * size:page * size]]
        self.send(200, {"total_count": len(ordered), "incomplete_results": False, "items": items}, **limits)

    # ---- pkg.go.dev -----------------------------------------------------------------------------------------------------------
    def pkgsite(self, rest, query):
        if self.services.too_fast("pkgsite", 45) and not self.services.options.calm:
            self.services.broken("pkgsite: more than 45 requests in a second")
            return self.send(429, {"code": 429, "message": "quota exceeded"}, Retry_After=1)
        if rest.startswith("v1beta/"):
            return self.send(301, b"", Location="/pkgsite/v1/" + rest[len("v1beta/"):])
        m = re.fullmatch(r"v1/(module|packages|imported-by|versions)/(.+)", rest)
        module = self.services.world.module(urllib.parse.unquote(m.group(2))) if m else None
        if module is None or not module.pkgsite or module.state != "there":
            return self.send(404, {"code": 404, "message": "not found"})
        kind = m.group(1)
        if kind == "module":
            licenses = [{"types": [module.license], "filePath": "LICENSE"}] if module.license not in ("", "NOASSERTION") else []
            return self.send(200, {"path": module.path, "version": module.latest, "isLatest": True, "isRedistributable": bool(licenses),
                                   "isStandardLibrary": False, "hasGoMod": True, "repoUrl": "https://" + module.repository if module.repository else "",
                                   **({"licenses": licenses} if query.get("licenses") == "true" else {})})
        if kind == "imported-by":
            items = ["importer%d.example.org/p" % i for i in range(module.importers)]
            return self.send(200, {"modulePath": module.path, "version": module.latest, "importedBy": self.paged(items, query)})
        if kind == "versions":
            items = [{"modulePath": module.path, "version": v, "commitTime": "2025-01-01T00:00:00Z", "isRedistributable": True, "hasGoMod": True,
                      "latestVersion": module.latest, "deprecated": module.number % 97 == 5, "deprecationReason": "",
                      "retracted": module.number % 53 == 7 and len(module.versions) > 1 and v == module.versions[0], "retractionReason": ""}
                     for v in reversed(module.versions)]
            return self.send(200, self.paged(items, query))
        items = [{"path": module.path, "name": "main" if module.program else "lib", "synopsis": module.description or "", "isRedistributable": True}]
        items.append({"path": module.path + "/internal/x", "name": "x", "synopsis": "", "isRedistributable": True})
        if query.get("filter") == 'name=="main"':
            items = [i for i in items if i["name"] == "main"]
        self.send(200, {"modulePath": module.path, "version": module.latest, "packages": self.paged(items, query)})

    @staticmethod
    def paged(items, query):
        limit = min(int(query.get("limit") or 100), 1000)
        at = int(query.get("token") or 0)
        return {"items": items[at:at + limit], "total": len(items), **({"nextPageToken": str(at + limit)} if at + limit < len(items) else {})}


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--modules", type=int, default=2000, help="generated modules")
    parser.add_argument("--lines", type=int, default=0, help="index lines of them; twelve a module unless said")
    parser.add_argument("--eligible", type=int, help="modules with a version since --since; a third unless said")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", default="2019-04-10T19:08:52.997264Z", help="time of the first line")
    parser.add_argument("--since", default="2024-01-01T00:00:00Z")
    parser.add_argument("--until", default="2026-10-31T00:00:00Z")
    parser.add_argument("--stuck", type=int, default=0, help="rows at one timestamp; more than a page stops a careless reader")
    parser.add_argument("--bad", type=int, default=2, help="lines that no index should hold")
    parser.add_argument("--starred", type=int, help="about that many generated programs with more than 2 stars; as they come unless said")
    parser.add_argument("--token", default="upstream-token", help="that GitHub accepts")
    parser.add_argument("--table", default=os.path.join(here, "..", "e2e", "modules.tsv"), help="the corpus; empty: none")
    parser.add_argument("--calm", action="store_true", help="without failures")
    parser.add_argument("--jsonl", help="write the index here (- for standard output) and end")
    options = parser.parse_args()
    world = upstream_data.World(options.modules, options.lines or 12 * options.modules, seed=options.seed, eligible=options.eligible,
                                first=options.first, since=options.since, until=options.until, stuck=options.stuck, bad=options.bad,
                                starred=options.starred, table=options.table or None)
    if options.jsonl:
        out = sys.stdout if options.jsonl == "-" else open(options.jsonl, "w")
        written = world.write_jsonl(out)
        out.flush()
        print(json.dumps({**world.truth(), "written": written}), file=sys.stderr)
        return
    Handler.services = Services(world, options)
    ThreadingHTTPServer.request_queue_size = 128
    server = ThreadingHTTPServer(("127.0.0.1", options.port), Handler)
    server.daemon_threads = True
    print("ready", server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
