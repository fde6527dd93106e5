#!/usr/bin/env python3
"""Random module trees: what `gofarm catalog detect` calls programs is what the real `go list` and go/parser say.
Run: detect_property.py GOFARM [SEED [MODULES [FOLDERS]]]. Prints its seed; the same seed makes the same trees."""
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import zipfile

TARGETS = {"x86_64": "amd64", "aarch64": "arm64", "riscv64": "riscv64", "loongarch64": "loong64"}
TAGS = ["linux", "windows", "unix", "amd64", "arm64", "riscv64", "loong64", "cgo", "gc", "netgo", "osusergo", "ignore", "tools",
        "go1.20", "go1.26", "go1.27", "amd64.v1", "amd64.v3", "arm64.v8.0", "riscv64.rva20u64", "goexperiment.greenteagc",
        "boringcrypto", "386", "tag_x", "é"]
BASES = ["a", "b", "main", "m", "z", "doc", "linux", "x_y", "aa_bb", "UP", "tools"]
SUFFIXES = ["", "", "", "", "", "_linux", "_windows", "_amd64", "_arm64", "_riscv64", "_loong64", "_linux_amd64", "_windows_amd64",
            "_unix", "_test", "_linux_test", "_amd64_test", ".pb", "_windows.pb", "_cgo", "_386", "_amd64_linux", "_js_wasm",
            "_plan9_x", "_linux_linux", "_", "_sparc64"]
FOLDERS = ["cmd", "internal", "testdata", "_x", ".hid", "vendor", "examples", "test", "a+b", "a b", "é", "v2", "x.", "a~b", "con",
           "ign", "docs", "UP"]
GOMAIN = r"""package main

import (
	"bufio"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
)

// For each path on standard input: "main", "none", or "broken" when go/parser finds an error.
func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		file, err := parser.ParseFile(token.NewFileSet(), lines.Text(), nil, parser.SkipObjectResolution)
		answer := "none"
		if err != nil {
			answer = "broken"
		} else {
			for _, d := range file.Decls {
				f, ok := d.(*ast.FuncDecl)
				if ok && f.Recv == nil && f.Name.Name == "main" && f.Type.TypeParams == nil && len(f.Type.Params.List) == 0 {
					answer = "main"
				}
			}
		}
		fmt.Println(answer)
	}
}
"""


class Maker:
    def __init__(self, rng):
        self.rng = rng

    def expression(self, depth=0):
        r = self.rng.random()
        if depth > 3 or r < 0.5:
            return self.rng.choice(TAGS)
        if r < 0.62:
            return "!" + self.rng.choice(TAGS)
        if r < 0.7:
            return "!(" + self.expression(depth + 1) + ")"
        if r < 0.85:
            return self.expression(depth + 1) + self.rng.choice([" && ", "&&", "\t&& "]) + self.expression(depth + 1)
        if r < 0.97:
            return "(" + self.expression(depth + 1) + " || " + self.expression(depth + 1) + ")"
        return self.rng.choice(["!!linux", "linux &&", "(linux", "linux windows", "", "a-b", "linux & windows", "go1.21)"])

    def plus(self):
        words = []
        for _ in range(self.rng.randint(0, 3)):
            words.append(",".join(self.rng.choice(["", "!", "", "!!"]) + self.rng.choice(TAGS) for _ in range(self.rng.randint(1, 2))))
        return self.rng.choice(["// +build ", "//+build ", "//  +build\t"]) + " ".join(words)

    def top(self):
        out = []
        for _ in range(self.rng.choice([0, 0, 0, 1, 1, 2, 3])):
            r = self.rng.random()
            if r < 0.3:
                out.append("//go:build " + self.expression())
            elif r < 0.5:
                out.append(self.plus())
            elif r < 0.6:
                out.append("/* block\n//go:build windows\n// +build windows\n*/")
            elif r < 0.65:
                out.append("/* a */ /* b\n*/ //go:build windows")
            elif r < 0.7:
                out.append("/* one line */")
            elif r < 0.75:
                out.append("//go:buildx windows\n//go:build")
            elif r < 0.8:
                out.append("// latin \udcfc comment")
            elif r < 0.83:
                out.append("// nul \0 comment")
            elif r < 0.86:
                out.append("//line x.go:" + self.rng.choice(["0", "7", "x", "3:0"]))
            elif r < 0.9:
                out.append(";")
            else:
                out.append("// text")
            if self.rng.random() < 0.7:
                out.append("")
        return "\n".join(out) + ("\n" if out else "")

    def clause(self):
        name = self.rng.choice(["main"] * 12 + ["other", "documentation", "main_test", "other_test", "_", "main1", "é"])
        form = self.rng.choice(["package %s\n"] * 12 + ["package %s;", "package /* x */ %s\n", "package\n%s\n", "package %s // c\n",
                               "package %s /* c\n */", "package %s /* c */ ", "package %s /* bad \udcff */\n", "Package %s\n", "package\t%s\r\n",
                               "package %s.x\n", "package %s,\n", "package %s}\n", "package %s\n// \udcff\n", "package %s\n/* open"])
        return form % name

    def imports(self):
        choices = ["", "", "", 'import "fmt"\n', 'import (\n\t"os"\n\t_ "embed"\n)\n', 'import . "fmt"; import x "os"\n',
                   'import `os`\n', 'import "a b"\n', 'import ("os" "fmt")\n', 'import "os\n', 'import "o\\x73"\n',
                   '// #include <stdio.h>\nimport "C"\n', '/*\n#cgo LDFLAGS: -lm\n#include <foo.h>\n*/\nimport "C"\n',
                   'import (\n\t"C"\n\t"os"\n)\n', 'importx "os"\n', 'import "\udcff"\n', 'import /* c */ "os" // d\n', 'import ()\n',
                   'import (\n"os"\n', 'import main "os"\n', 'import "os"; // \0\n']
        return "".join(self.rng.choice(choices) for _ in range(self.rng.randint(0, 2)))

    def body(self):
        pieces = ["func main() {}\n", "func main() { x := `}` ; _ = x }\n", "func main( /* nothing */ ) {\n\tif true {\n\t}\n}\n", "func /* f */ main\t() {\n}\n"]
        others = ["var s = `\nfunc main() {}\n`\n", "/*\nfunc main() {}\n*/\n", "// func main() {}\n", "type T struct{}\nfunc (T) main() {}\n",
                  "func main[T any]() {}\n", "func main(x int) {}\n", "var main = func() {}\n", "func f() { func() { main() }() }\n",
                  "type L[P any] []P\n", "type A[P any] = []P\n", "func g[K comparable, V any](m map[K]V) {}\n", "const c = 'x'\nconst q = '\\''\n",
                  "var t = \"func main() {\" + \"\\\"\"\n", "type (\n\tX int\n\tY = string\n)\n", "func mainx() {}\n", "var r = '{'\n",
                  "func h() (a, b int) { return 1, 2 }\n", "var n = 0x1p-2 + 1_000i\n", "func é() {}\n", "var _ = struct{ main func() }{}\n",
                  "type I interface{ ~int | ~string; main() }\n", "func k() { for range 3 {} ; L: for { break L } }\n"]
        out = [self.rng.choice(others) for _ in range(self.rng.randint(0, 4))]
        if self.rng.random() < 0.6:
            out.insert(self.rng.randint(0, len(out)), self.rng.choice(pieces))
        return "".join(out)

    def file(self):
        text = self.top() + self.clause() + self.imports() + self.body()
        if self.rng.random() < 0.1:
            text = text.replace("\n", "\r\n")
        data = text.encode("utf-8", "surrogateescape")
        r = self.rng.random()
        if r < 0.05:
            data = b"\xef\xbb\xbf" + data
        elif r < 0.07:
            data = b"\xef\xbb\xbf\xef\xbb\xbf" + data
        elif r < 0.09:
            data = b""
        elif r < 0.12:
            # Longer than a head.
            data = b"// " + b"long " * 2000 + b"\n\n" + data
        return data

    def tree(self, root, folders):
        for i in range(folders):
            parts = [f"d{i}"]
            for _ in range(self.rng.choice([0, 0, 1, 1, 2])):
                parts.append(self.rng.choice(FOLDERS))
            if self.rng.random() < 0.2:
                parts.reverse()
            folder = root.joinpath(*parts)
            folder.mkdir(parents=True, exist_ok=True)
            for _ in range(self.rng.choice([1, 1, 1, 2, 2, 3, 4])):
                name = self.rng.choice(BASES) + self.rng.choice(SUFFIXES) + ".go"
                if self.rng.random() < 0.04:
                    name = self.rng.choice("_.") + name
                folder.joinpath(name).write_bytes(self.file())


def run(args, **kw):
    return subprocess.run(args, check=True, capture_output=True, **kw)


def check(gofarm, work, module, seed, folders, parser, env):
    root = work / "src"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    version = "v1.0.0"
    (root / "go.mod").write_text(f"module {module}\n\ngo 1.26\n\nignore ign\n\nignore ./docs\n")
    Maker(random.Random(seed)).tree(root, folders)
    # As a proxy would serve it: names that no module zip may have are left out.
    at = work / "proxy" / module / "@v"
    at.mkdir(parents=True, exist_ok=True)
    seen = set()
    with zipfile.ZipFile(at / f"{version}.zip", "w", zipfile.ZIP_DEFLATED) as z:
        for p in sorted(root.rglob("*")):
            rel = p.relative_to(root).as_posix()
            if p.is_dir() or rel.lower() in seen or any(e.endswith(".") or e == "con" for e in rel.split("/")):
                continue
            seen.add(rel.lower())
            z.write(p, f"{module}@{version}/{rel}")
    shutil.copy(root / "go.mod", at / f"{version}.mod")
    (at / f"{version}.info").write_text(json.dumps({"Version": version, "Time": "2026-01-02T03:04:05Z"}))
    (at / "list").write_text(version + "\n")

    found = json.loads(run([gofarm, "catalog", "detect", f"{module}@{version}", "--output", "json"], env=env).stdout)
    user = work / "user"
    user.mkdir(exist_ok=True)
    (user / "go.mod").write_text(f"module list.example\n\ngo 1.26\n\nrequire {module} {version}\n")
    (user / "go.sum").unlink(missing_ok=True)
    form = '{{if eq .Name "main"}}{{.ImportPath}}|{{.Dir}}|{{join .GoFiles "/"}}/{{join .CgoFiles "/"}}{{end}}'
    answers = {}
    faults = []
    cells = 0
    for target, goarch in TARGETS.items():
        listed = run(["go", "list", "-e", "-find", "-tags", "netgo,osusergo", "-f", form, module + "/..."], cwd=user,
                     env={**env, "GOARCH": goarch, "GOOS": "linux", "CGO_ENABLED": "1", "GOFLAGS": "-mod=mod", "GOWORK": "off"}).stdout.decode()
        packages = [line.split("|") for line in listed.splitlines() if line]
        files = sorted({f"{d}/{f}" for _, d, fs in packages for f in fs.split("/") if f} - answers.keys())
        said = run([parser], input="\n".join(files).encode()).stdout.decode().split()
        answers.update(zip(files, said))
        want, open_ = set(), set()
        for path, d, fs in packages:
            said = [answers[f"{d}/{f}"] for f in fs.split("/") if f]
            if "main" in said:
                want.add(path)
            elif "broken" in said:
                open_.add(path)  # go/parser says nothing about such a file; go list takes it all the same
        got = {p["import_path"] for p in found["programs"] if target in p["targets"]}
        cells += len(packages)
        for path in sorted((want ^ got) - open_):
            faults.append(f"seed {seed}: {path} for {target}: go says {path in want}, gofarm {path in got}")
    return cells, sum(len(p["targets"]) for p in found["programs"]), faults


def main():
    gofarm = os.path.abspath(sys.argv[1])
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(10**9)
    modules = int(sys.argv[3]) if len(sys.argv) > 3 else 4
    folders = int(sys.argv[4]) if len(sys.argv) > 4 else 400
    print(f"seed {seed}", flush=True)
    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        env = {**os.environ, "GOPROXY": f"file://{work}/proxy", "GOSUMDB": "off", "GOTOOLCHAIN": "local", "GOMODCACHE": str(work / "mod"),
               "GOFLAGS": "-modcacherw", "GOPATH": str(work / "gopath")}
        (work / "parser.go").write_text(GOMAIN)
        run(["go", "build", "-o", str(work / "parser"), "parser.go"], cwd=work, env={**env, "GO111MODULE": "off"})
        cells = programs = 0
        faults = []
        for i in range(modules):
            c, p, f = check(gofarm, work, f"random.test/m{seed + i}", seed + i, folders, str(work / "parser"), env)
            cells, programs, faults = cells + c, programs + p, faults + f
        subprocess.run(["chmod", "-R", "u+w", name], check=False)
    for fault in faults[:20]:
        print(fault)
    print(f"{cells} packages main of go list compared, {programs} programs found, {len(faults)} differences")
    return 1 if faults or programs == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
