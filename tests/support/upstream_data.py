"""What the services of upstream.py know: the corpus modules with facts in the form that the services give them, and a seeded
world of any size around them. Everything about a generated module is a function of its number, so that a million index lines
need no more memory than a few bytes each, and two runs with one seed tell the same.

The proportions are those of the reference's run: a third of the modules has a version since the eligible date, two thirds of
these a repository that some service knows, three quarters can be downloaded, three in ten hold a program.
"""
import array
import bisect
import calendar
import csv
import heapq
import io
import random
import re
import time
import zipfile

MICRO = 1_000_000
TRUTH_MODULES_MAX = 20_000  # above it only the index is counted

# module -> repository, stars, description, homepage, licence, topics, importers
CORPUS = {
    "github.com/BurntSushi/toml": ("BurntSushi/toml", 4900, "TOML parser for Golang with reflection.", "", "MIT", ["go", "toml"], 28417),
    "github.com/rakyll/hey": ("rakyll/hey", 19600, "HTTP load generator, ApacheBench (ab) replacement", "", "Apache-2.0", ["benchmark", "cli"], 3),
    "filippo.io/age": ("FiloSottile/age", 20300, "A simple, modern and secure encryption tool.", "https://age-encryption.org", "BSD-3-Clause", ["cli", "encryption"], 640),
    "github.com/junegunn/fzf": ("junegunn/fzf", 73000, "A command-line fuzzy finder", "https://junegunn.github.io/fzf/", "MIT", ["cli", "fzf"], 90),
    "github.com/Masterminds/glide": ("Masterminds/glide", 8100, "Package Management for Golang", "https://glide.sh", "NOASSERTION", [], 60),
    "github.com/itchyny/gojq": ("itchyny/gojq", 3700, "Pure Go implementation of jq", "https://pkg.go.dev/github.com/itchyny/gojq", "MIT", ["cli", "jq"], 450),
    "github.com/fullstorydev/grpcurl": ("fullstorydev/grpcurl", 12300, "Like cURL, but for gRPC", "", "MIT", ["cli", "grpc"], 80),
    "github.com/benbjohnson/litestream": ("benbjohnson/litestream", 12400, "Streaming replication for SQLite.", "https://litestream.io", "Apache-2.0", ["cli", "sqlite"], 25),
    "github.com/buger/goreplay": ("buger/goreplay", 19200, "Capture and replay live HTTP traffic", "https://goreplay.org", "NOASSERTION", ["devops"], 12),
    "github.com/spf13/pflag": ("spf13/pflag", 2700, "Drop-in replacement for Go's flag package", "", "BSD-3-Clause", [], 61200),
    "github.com/google/gops": ("google/gops", 7100, "A tool to list and diagnose Go processes", "", "BSD-3-Clause", ["cli", "debugging"], 350),
    "github.com/go-delve/delve": ("go-delve/delve", 24200, "Delve is a debugger for the Go programming language.", "", "MIT", ["debugger"], 150),
    "go.etcd.io/etcd/etcdctl/v3": ("etcd-io/etcd", 50600, "Distributed reliable key-value store", "https://etcd.io", "Apache-2.0", ["raft"], 8),
    "github.com/hashicorp/go-plugin": ("hashicorp/go-plugin", 5800, "Golang plugin system over RPC.", "", "MPL-2.0", ["plugin"], 4300),
}
LICENSES = ("MIT", "MIT", "MIT", "Apache-2.0", "Apache-2.0", "BSD-3-Clause", "GPL-3.0", "MPL-2.0", "", "NOASSERTION")
MAIN = "package main\n\nimport \"fmt\"\n\nfunc main() { fmt.Println(%s) }\n"


def micros(text):
    m = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z", text)
    if not m:
        raise ValueError(text)
    whole = calendar.timegm(time.strptime(m.group(1), "%Y-%m-%dT%H:%M:%S")) * MICRO
    return whole + int(((m.group(2) or "") + "000000")[:6])


def stamp(us):
    """As the index writes a time: microseconds, zeros at the end cut."""
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(us // MICRO))
    part = us % MICRO
    return text + (".%06d" % part).rstrip("0") + "Z" if part else text + "Z"


def mix(number, salt):
    """A number that looks random and is the same in every run: 32 bits."""
    x = (number * 0x9E3779B1 + salt * 0x85EBCA77 + 0x27D4EB2F) & 0xFFFFFFFF
    x = ((x ^ (x >> 15)) * 0x2C1B3C6D) & 0xFFFFFFFF
    x = ((x ^ (x >> 12)) * 0x297A2D39) & 0xFFFFFFFF
    return x ^ (x >> 15)


class Module:
    """One module as the services see it. `versions` is a list, oldest first."""

    def __init__(self, path, versions, repository, **facts):
        self.path, self.versions, self.repository = path, versions, repository  # repository: "host/Owner/Name" or None
        self.state = facts.get("state", "there")  # there, 404, 410, 403, 451, flap, timeout
        self.program = facts.get("program", False)
        self.stars = facts.get("stars", 0)
        self.description, self.homepage = facts.get("description"), facts.get("homepage")
        self.license = facts.get("license", "MIT")
        self.topics = facts.get("topics", [])
        self.importers = facts.get("importers", 0)
        self.depsdev, self.pkgsite = facts.get("depsdev", True), facts.get("pkgsite", True)
        self.gone, self.renamed = facts.get("gone", False), facts.get("renamed", False)
        self.archived, self.fork = facts.get("archived", False), facts.get("fork", False)
        self.corpus = facts.get("corpus", False)
        self.number = facts.get("number", 0)

    @property
    def latest(self):
        return self.versions[-1]

    @property
    def repository_id(self):
        return mix(sum(map(ord, self.repository.lower())) * 131 + len(self.repository), 77) % 900_000_000 + 1000 + self.number

    @property
    def full_name(self):
        """What GitHub calls it now."""
        owner_and_name = self.repository.split("/", 1)[1]
        return owner_and_name + "-next" if self.renamed else owner_and_name

    def go_mod(self, version):
        text = "module %s\n\ngo 1.21\n" % self.path
        if self.number % 97 == 5:
            text = "// Deprecated: use another one.\n" + text
        if self.number % 53 == 7 and len(self.versions) > 1 and version == self.versions[-1]:
            text += "\nretract %s // broken\n" % self.versions[0]
        return text

    def zip_bytes(self, version):
        files = {"go.mod": self.go_mod(version), "LICENSE": "MIT License\n", "README.md": "# %s\n" % self.path}
        name = self.path.split("/")[-1]
        package = re.sub("[^a-z0-9]", "", name.lower()) or "lib"
        if package[0].isdigit() or re.fullmatch(r"v\d+", package):
            package = "lib" + package
        if self.program and self.number % 3 == 0:
            files["main.go"] = MAIN % ('"%s"' % name)
        elif self.program:
            files["%s.go" % package] = "package %s\n\n// Name is what it is called.\nconst Name = \"%s\"\n" % (package, name)
            files["cmd/%s/main.go" % package] = MAIN % ('"%s"' % name)
        else:
            files["%s.go" % package] = "package %s\n\n// Answer is one.\nfunc Answer() int { return %d }\n" % (package, self.number)
        return zipped(self.path, version, files)


class Added(Module):
    """A module that a test publishes while the services run, with the files that it names; no other service knows it."""

    def __init__(self, path):
        super().__init__(path, [], None, depsdev=False, pkgsite=False)
        self.files = {}  # version -> name -> text

    def go_mod(self, version):
        return self.files[version].get("go.mod", "module %s\n\ngo 1.21\n" % self.path)

    def zip_bytes(self, version):
        return zipped(self.path, version, {"go.mod": self.go_mod(version), **self.files[version]})


def zipped(path, version, files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        for file, text in sorted(files.items()):
            z.writestr(zipfile.ZipInfo("%s@%s/%s" % (path, version, file), (1980, 1, 1, 0, 0, 0)), text, zipfile.ZIP_DEFLATED)
    return out.getvalue()


class World:
    def __init__(self, modules, lines, seed=1, eligible=None, first="2019-04-10T19:08:52.997264Z", since="2024-01-01T00:00:00Z",
                 until="2026-10-31T00:00:00Z", stuck=0, bad=2, starred=None, table=None):
        self.count = modules
        self.lines = max(lines, 2 * modules)
        self.seed = seed
        self.eligible = min(modules, round(modules * 0.34) if eligible is None else eligible)
        self.starred = starred
        self.first, self.since, self.until = micros(first), micros(since), micros(until)
        # A row a module before the date, one a module of the eligible after it, the others in proportion.
        self.after = max(self.eligible, round((self.lines - modules) * self.eligible / max(modules, 1)) if self.eligible else 0)
        self.before = self.lines - self.after
        self.who = array.array("I", bytes(4 * self.lines))
        self.ordinal = array.array("H", bytes(2 * self.lines))
        self._place()
        self.rows_of = None
        self.extras = []  # (time, path, version), sorted
        self.corpus = {}
        self.added = {}  # path -> Added
        if table:
            self._corpus(table)
        step = self.until + MICRO
        for i, m in enumerate(self.corpus.values()):
            for version in m.versions:
                self.extras.append((step + i * 60 * MICRO + 250_000, m.path, version))
        moment = max(self.since - 30 * 86400 * MICRO, self.first)  # so that what only makes noise is not eligible
        self.extras += [(moment, "example.org/stuck/m%d" % i, "v1.0.0") for i in range(stuck)]
        self.extras += [(moment + 7 * (i + 1), "example.org/bad%d" % i, ("v1", "not a version", "v1.0", "v01.0.0")[i % 4]) for i in range(bad)]
        self.extras.sort()
        self.stuck, self.bad = stuck, bad
        self.repositories = None

    def _place(self):
        """Which module each row belongs to: each once before the date, each eligible once after it, the rest skewed to low numbers."""
        rng = random.Random(self.seed)
        r = rng.random
        who, n = self.who, self.count
        for begin, length, among in ((0, self.before, n), (self.before, self.after, self.eligible)):
            if not length or not among:
                continue
            part = array.array("I", [int(among * x * x * x) for x in (r() for _ in range(length))])
            stride = max(length // among, 1)
            for k in range(min(among, length)):
                part[k * stride] = k
            who[begin:begin + length] = part
        seen = array.array("H", bytes(2 * max(n, 1)))
        ordinal = self.ordinal
        for i, k in enumerate(who):
            c = seen[k]
            ordinal[i] = c
            if c < 65535:
                seen[k] = c + 1
        self.versions_of = seen

    def time_of(self, i):
        if i < self.before:
            begin, span, length, at = self.first, self.since - self.first, self.before, i
        else:
            begin, span, length, at = self.since, self.until - self.since, self.after, i - self.before
        step = span // length
        return begin + at * step + (i * 2654435761 & 0xFFFFFFFF) % max(step * 9 // 10, 1)

    def path_of(self, k):
        h = mix(k, self.seed)
        owner, kind = h % 60013, k % 20
        upper = "Gen" if k % 7 == 3 else "gen"
        if kind < 15:
            return "github.com/%s-o%d/r%d" % (upper, owner, k)
        if kind == 15:
            return "github.com/%s-o%d/r%d/v2" % (upper, owner, k)
        if kind == 16:
            return "github.com/%s-o%d/mono%d/tools/t%d" % (upper, owner, k, h % 10)
        if kind == 17:
            return "gitlab.com/gen-o%d/r%d" % (owner, k)
        return "v%d.example.org/m" % k

    def version_of(self, k, ordinal, i):
        if k % 9 == 4 and k % 20 != 15:
            moment = time.strftime("%Y%m%d%H%M%S", time.gmtime(self.time_of(i) // MICRO))
            return "v0.0.0-%s-%08x%04x" % (moment, mix(k, ordinal), ordinal)
        major = 2 if k % 20 == 15 else k % 2
        pre = "-rc.1" if (k + ordinal) % 23 == 9 else ""
        return "v%d.%d.%d%s" % (major, ordinal // 10, ordinal % 10, pre)

    def page(self, since, limit):
        """Index lines from `since` on, at most `limit`."""
        lo, hi = 0, self.lines
        while lo < hi:
            middle = (lo + hi) // 2
            if self.time_of(middle) < since:
                lo = middle + 1
            else:
                hi = middle
        rows = ((self.time_of(i), self.path_of(self.who[i]), self.version_of(self.who[i], self.ordinal[i], i))
                for i in range(lo, min(lo + limit, self.lines)))
        extras = self.extras[bisect.bisect_left(self.extras, (since,)):][:limit]
        out = []
        for row in heapq.merge(rows, extras):
            out.append('{"Path":"%s","Version":"%s","Timestamp":"%s"}' % (row[1], row[2], stamp(row[0])))
            if len(out) == limit:
                break
        return out

    def write_jsonl(self, out, repeats=0.03):
        """All lines in the order of their time; some of them twice, as overlapping pages give them. Returns how many it wrote."""
        every = int(1 / repeats) if repeats else 0
        who, ordinal, path_of, version_of = self.who, self.ordinal, self.path_of, self.version_of
        extras, at, written, batch = self.extras, 0, 0, []
        day, day_text = None, ""
        # The same few modules have most of the versions: their paths are made once.
        paths = [path_of(k) for k in range(min(self.count, 200_000))]
        known = len(paths)
        next_extra = extras[0][0] if extras else float("inf")
        for first_row, rows, begin, end in ((0, self.before, self.first, self.since), (self.before, self.after, self.since, self.until)):
            step = (end - begin) // rows if rows else 1
            jitter = max(step * 9 // 10, 1)
            for i in range(first_row, first_row + rows):
                us = begin + (i - first_row) * step + (i * 2654435761 & 0xFFFFFFFF) % jitter  # as time_of has it
                while us > next_extra:
                    batch.append('{"Path":"%s","Version":"%s","Timestamp":"%s"}\n' % (extras[at][1], extras[at][2], stamp(extras[at][0])))
                    at += 1
                    next_extra = extras[at][0] if at < len(extras) else float("inf")
                seconds, part = divmod(us, MICRO)
                d, s = divmod(seconds, 86400)
                if d != day:
                    day, day_text = d, time.strftime("%Y-%m-%dT", time.gmtime(seconds))
                k = who[i]
                m, s = divmod(s, 60)
                fraction = (".%06d" % part).rstrip("0") if part else ""
                line = '{"Path":"%s","Version":"%s","Timestamp":"%s%02d:%02d:%02d%sZ"}\n' % (
                    paths[k] if k < known else path_of(k), version_of(k, ordinal[i], i), day_text, m // 60, m % 60, s, fraction)
                batch.append(line)
                if every and i % every == 7:
                    batch.append(line)
                if len(batch) > 20_000:
                    out.write("".join(batch))
                    written += len(batch)
                    batch.clear()
            out.write("".join(batch))
            written += len(batch)
            batch.clear()
        batch += ['{"Path":"%s","Version":"%s","Timestamp":"%s"}\n' % (p, v, stamp(t)) for t, p, v in extras[at:]]
        out.write("".join(batch))
        return written + len(batch)

    def _corpus(self, table):
        with open(table, newline="") as f:
            for row in csv.DictReader(f, delimiter="\t"):
                path = row["module"]
                if path in self.corpus:
                    self.corpus[path].versions.append(row["version"])
                    continue
                repository, stars, description, homepage, license, topics, importers = CORPUS.get(
                    path, ("unknown/unknown", 3, None, None, "MIT", [], 0))
                self.corpus[path] = Module(path, [row["version"]], "github.com/" + repository, stars=stars, description=description, homepage=homepage,
                                           license=license, topics=topics, importers=importers, program=row["x86_64"] not in ("0", "") or "cli" in topics, corpus=True)

    def _index_rows(self):
        """Rows by module, so that a module's versions are found: offsets, then row numbers."""
        n = self.count
        offsets = array.array("I", bytes(4 * (n + 1)))
        total = 0
        for k in range(n):
            offsets[k] = total
            total += self.versions_of[k]
        offsets[n] = total
        rows = array.array("I", bytes(4 * max(self.lines, total)))
        for i, k in enumerate(self.who):
            at = offsets[k] + self.ordinal[i]
            if at < len(rows):
                rows[at] = i
        self.rows_of = (offsets, rows)

    def number_of(self, path):
        """Of a generated module, None for any other path."""
        m = re.fullmatch(r"github\.com/(?:G|g)en-o\d+/(?:r|mono)(\d+)(?:/v2|/tools/t\d)?|gitlab\.com/gen-o\d+/r(\d+)|v(\d+)\.example\.org/m", path)
        k = int(next(g for g in m.groups() if g)) if m else None
        return k if k is not None and k < self.count and self.path_of(k) == path else None

    def publish(self, path, version, files, now):
        """A version that the index tells from `now` on (microseconds). Not for several threads at once."""
        module = self.added.setdefault(path, Added(path))
        module.files[version] = files
        if version not in module.versions:
            module.versions.append(version)
        moment = max(now, self.extras[-1][0] + 1 if self.extras else 0)
        # A new list: a page that is made meanwhile goes on with the old one.
        self.extras = self.extras + [(moment, path, version)]
        return stamp(moment)

    def module(self, path):
        if path in self.added:
            return self.added[path]
        if path in self.corpus:
            return self.corpus[path]
        k = self.number_of(path)
        return None if k is None else self.generated(k)

    def generated(self, k):
        if self.rows_of is None:
            self._index_rows()
        offsets, rows = self.rows_of
        path = self.path_of(k)
        count = max(offsets[k + 1] - offsets[k], 1)
        versions = [self.version_of(k, o, rows[offsets[k] + o]) for o in range(count)]
        h, g = mix(k, self.seed + 1), mix(k, self.seed + 2)
        share = h % 1000
        state = "there"
        for limit, name in ((750, "there"), (780, "flap"), (960, "404"), (975, "410"), (990, "403"), (995, "451"), (1000, "timeout")):
            if share < limit:
                state = name
                break
        program = g % 100 < 29
        stars = min(int(2.0 / (((g >> 8) % 10007 + 1) / 10007.0)) - 2, 60000)
        if self.starred is not None and program and stars > 2:
            stars = stars if k % max(self.eligible // max(self.starred * 12, 1), 1) == 0 else 2
        parts = path.split("/")
        if parts[0] in ("github.com", "gitlab.com"):
            repository = "/".join(parts[:3])
        else:
            repository = "github.com/gen-vanity/r%d" % k if k % 20 == 18 else None
        return Module(path, versions, repository, number=k, state=state, program=program, stars=max(stars, 0),
                      description="What r%d does" % k if h & 3 else None, homepage="https://v%d.example.org" % k if h & 12 == 12 else None,
                      license=LICENSES[g % 10], topics=["cli"] if program and h & 16 else [], importers=0, depsdev=(h >> 5) % 100 < 80,
                      pkgsite=(h >> 9) % 100 < 60, gone=(h >> 13) % 100 < 12, renamed=(h >> 17) % 100 < 4, archived=(h >> 20) % 100 < 6, fork=(h >> 23) % 100 < 3)

    def repository(self, name):
        """By "host/owner/name", in any case."""
        if self.repositories is None:
            self.repositories = {}
            for m in self.corpus.values():
                self.repositories.setdefault(m.repository.lower(), m)
        name = name.lower()
        if name in self.repositories:
            return self.repositories[name]
        m = re.fullmatch(r"(?:github|gitlab)\.com/gen-(?:o\d+|vanity)/(?:r|mono)(\d+?)(-next)?", name)
        if not m or int(m.group(1)) >= self.count:
            return None
        found = self.generated(int(m.group(1)))
        current = found.repository.split("/")[0] + "/" + found.full_name if found.repository else ""
        return found if found.repository and name in (found.repository.lower(), current.lower()) else None

    def truth(self):
        """What a catalog must count, of what it can see."""
        distinct = self.lines + len(self.extras) - self.bad
        truth = {"lines": self.lines + len(self.extras), "distinct": distinct, "bad": self.bad,
                 "modules": self.count + len(self.corpus) + self.stuck, "eligible": self.eligible + len(self.corpus),
                 "stuck": 1 if self.stuck > 2000 else 0, "corpus": sorted(self.corpus)}
        if self.eligible <= TRUTH_MODULES_MAX:
            modules = list(self.corpus.values()) + [self.generated(k) for k in range(self.eligible)]
            there = [m for m in modules if m.state in ("there", "flap")]
            truth.update(reachable=len(there), programs=sum(m.program for m in there), absent=sorted(m.path for m in modules if m.state in ("404", "410")))
        return truth
