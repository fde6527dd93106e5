// Failure classes from what Go 1.26.8 and zig 0.15.2 really print.
#include "worker/build/classify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "common/base/text.h"
#include "common/vocab/failure_text.h"

namespace gofarm::build {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

using Set = absl::flat_hash_set<std::string>;

const Set kPackages = {"example.com/m/a", "example.com/m/b",   "example.com/m/c",
                       "example.com/m/d", "example.com/m/lib", "golang.org/x/sys/unix"};

Classified Classify(std::string_view text, const Set& dependencies, const HasHeader& has_header = {}) {
  const ParsedLog log(text, kPackages);
  return LogVerdicts(log, has_header).OfProgram(dependencies);
}

struct Case {
  const char* what;
  const char* log;
  FailureClass failure;
  const char* decisive;
};

const Case kCases[] = {
    {"a header of the system",
     "# example.com/m/a\n"
     "a/main.go:2:11: fatal error: 'pcap.h' file not found\n"
     "    2 |  #include <pcap.h>\n"
     "      |           ^~~~~~~~\n"
     "1 error generated.\n",
     FailureClass::kSystemLibraryMissing, "'pcap.h' file not found"},
    {"no pkg-config", "example.com/m/a: exec: \"pkg-config\": executable file not found in $PATH\n",
     FailureClass::kSystemLibraryMissing, "pkg-config"},
    {"pkg-config knows no such package",
     "# example.com/m/a\n# [pkg-config --cflags  -- libfoo]\nPackage libfoo was not found in the pkg-config search "
     "path.\n",
     FailureClass::kSystemLibraryMissing, "Package libfoo was not found"},
    {"a library to link",
     "# example.com/m/a\n"
     "/go/pkg/tool/linux_amd64/link: running /zig/zig failed: exit status 1\n"
     "/zig/zig cc -target x86_64-linux-musl -m64 -s -o $WORK/b046/exe/a.out\n"
     "error: unable to find dynamic system library 'foo' using strategy 'paths_first'. searched paths: none\n\n",
     FailureClass::kSystemLibraryMissing, "dynamic system library 'foo'"},
    {"no file for the target",
     "package example.com/m/a\n\timports example.com/m/lib: build constraints exclude all Go files in /mod/x\n",
     FailureClass::kTargetUnsupported, "exclude all Go files"},
    {"two packages in one folder",
     "debugger.go:32:2: found packages native (dump_linux.go) and your_linux_architecture_is_not_supported_by_delve "
     "(support_sentinel_linux.go) in /mod/github.com/go-delve/delve@v1.27.2/pkg/proc/native\n",
     FailureClass::kTargetUnsupported, "found packages native"},
    {"undefined in Go",
     "# example.com/m/a\nztypes_linux.go:22:11: undefined: Timespec\naffinity_linux.go:50:27: too many errors\n",
     FailureClass::kCompileError, "undefined: Timespec"},
    {"C that does not compile", "# example.com/m/a\nx.c:9:10: error: use of undeclared identifier 'foo'\n",
     FailureClass::kCompileError, "undeclared identifier"},
    {"a flag that go forbids",
     "example.com/m/a: invalid flag in #cgo LDFLAGS: -Wl,-z,foo (see https://go.dev/s/invalidflag)\n",
     FailureClass::kCompileError, "invalid flag"},
    {"assembly for another machine", "# example.com/m/a\nk/main.go:2:6: missing function body\n",
     FailureClass::kCompileError, "missing function body"},
    {"no func main",
     "# example.com/m/a\nruntime.main_main\xc2\xb7"
     "f: function main is undeclared in the main package\n",
     FailureClass::kLinkError, "function main is undeclared"},
    {"an undefined symbol",
     "# example.com/m/a\n/go/pkg/tool/linux_amd64/link: running /zig/zig failed: exit status 1\n"
     "ld.lld: error: undefined symbol: foo\n>>> referenced by cgo-gcc-prolog:54\n",
     FailureClass::kLinkError, "undefined symbol: foo"},
    {"an object of the module is missing",
     "# example.com/m/a\n/go/pkg/tool/linux_amd64/link: running /zig/zig failed: exit status 1\n"
     "error: failed to open object /mod/x/lib.o: FileNotFound\n",
     FailureClass::kLinkError, "failed to open object"},
    {"a flag that zig's driver does not know: the linker's words, not go's",
     "# example.com/m/a\n/go/pkg/tool/linux_amd64/link: running /zig/zig failed: exit status 1\n"
     "error: unsupported linker arg: --wrap\n",
     FailureClass::kLinkError, "unsupported linker arg: --wrap"},
    {"the go line of the module is too low, not the farm's Go",
     "# example.com/m/a\n./m.go:6:17: cannot range over 3: requires go1.22 or later (-lang was set to go1.16; check "
     "go.mod)\n",
     FailureClass::kCompileError, "requires go1.22"},
    {"files that a generator makes", "example.com/m/a: m.go:8:12: pattern dist/*: no matching files found\n",
     FailureClass::kSourceIncomplete, "no matching files found"},
    {"Go is too old", "go: example.com/m@v1.0.0 requires go >= 1.99 (running go 1.26.8; GOTOOLCHAIN=local)\n",
     FailureClass::kGoTooOld, "requires go >= 1.99"},
    {"a dependency is refused",
     "m.go:3:8: module example.com/x: reading @v/list: 403 Forbidden\n\tserver response: This module version is not "
     "available.\n",
     FailureClass::kSourceUnavailable, "403 Forbidden"},
    {"an import that nothing provides", "x/m.go:3:8: no required module provides package example.com/q; to add it:\n",
     FailureClass::kSourceInvalid, "no required module"},
    {"an import of another's internals",
     "package example.com/m/a\n\tx/m.go:3:8: use of internal package example.com/q/internal/z not allowed\n",
     FailureClass::kSourceInvalid, "use of internal package"},
    {"the disk is full", "example.com/m/a: write /job/tmp/go-build1/b175/importcfg: no space left on device\n",
     FailureClass::kDiskFull, "no space left"},
    {"the disk is full for clang",
     "# example.com/m/a\nfatal error: error in backend: IO failure on output stream: No space left on device\n",
     FailureClass::kDiskFull, "No space left"},
    {"the disk is full for zig", "# example.com/m/a\nerror: unable to write file: NoSpaceLeft\n",
     FailureClass::kDiskFull, "NoSpaceLeft"},
    {"a file is larger than the sandbox allows",
     "example.com/m/a: /go/pkg/tool/linux_amd64/link: signal: file size limit exceeded\n", FailureClass::kOutputLimit,
     "file size limit"},
    {"the kernel killed the compiler", "example.com/m/a: /go/pkg/tool/linux_amd64/compile: signal: killed\n",
     FailureClass::kOutOfMemory, "signal: killed"},
    {"no more memory", "# example.com/m/a\nfork/exec /zig/zig: cannot allocate memory\n", FailureClass::kOutOfMemory,
     "allocate memory"},
    {"zig crashed", "# example.com/m/a\nthread 77 panic: reached unreachable code\n", FailureClass::kToolchainBroken,
     "panic"},
    {"zig lost its cache", "# example.com/m/a\nerror: unable to create compilation: FileNotFound\n",
     FailureClass::kToolchainBroken, "FileNotFound"},
    {"Go's compiler is no program",
     "go: error obtaining buildID for go tool compile: fork/exec /go/pkg/tool/linux_amd64/compile: exec format error\n",
     FailureClass::kToolchainBroken, "buildID"},
    {"Go's compiler is damaged",
     "panic: runtime error: invalid memory address or nil pointer dereference\n[signal SIGSEGV]\n"
     "go: error obtaining buildID for go tool compile: exit status 2\n",
     FailureClass::kToolchainBroken, "buildID"},
    {"Go's compiler is gone", "go: no such tool \"compile\"\n", FailureClass::kToolchainBroken, "no such tool"},
    {"zig is no program", "# example.com/m/a\ncgo: exec /zig/zig: fork/exec /zig/zig: exec format error\n",
     FailureClass::kToolchainBroken, "fork/exec"},
    {"zig may not be started",
     "# example.com/m/a\ncgo: C compiler \"/zig/zig\" not found: exec: \"/zig/zig\": permission denied\n",
     FailureClass::kToolchainBroken, "permission denied"},
    {"a source of std is damaged", "# runtime\n/go/src/runtime/proc.go:12:1: syntax error: unexpected x\n",
     FailureClass::kToolchainBroken, "syntax error"},
    {"std fails in words that nobody knows", "# runtime/cgo\ncgo: something new\n", FailureClass::kToolchainBroken,
     "something new"},
    {"zig is gone at the link",
     "# example.com/m/a\n/go/pkg/tool/linux_amd64/link: running /zig/zig failed: fork/exec /zig/zig: no such file or "
     "directory\n",
     FailureClass::kToolchainBroken, "fork/exec"},
    {"a source that speaks of it", "a/main.go:3:1: fork/exec /zig/zig: exec format error\n",
     FailureClass::kCompileError, "fork/exec"},
    {"a compiler's message about no package", "x/m.go:3:8: something new\n", FailureClass::kCompileError,
     "something new"},
    {"a name of a file without a position", "m.go: something new: 3\n", FailureClass::kInternal, "something new"},
    {"std itself does not compile", "# runtime/cgo\nerror: failed to check cache: FileNotFound\n",
     FailureClass::kToolchainBroken, "# runtime/cgo"},
    {"nothing that is known", "go: something new\n", FailureClass::kInternal, "something new"},
    {"nothing at all", "", FailureClass::kInternal, "said nothing"},
};

TEST(LogVerdictsTest, KnowsEachFailureOfTheTable) {
  for (const Case& c : kCases) {
    const Classified got = Classify(c.log, {"example.com/m/a"});
    EXPECT_EQ(Name(got.failure), Name(c.failure)) << c.what;
    EXPECT_THAT(got.detail, HasSubstr(c.decisive)) << c.what;
  }
}

const char kManyFail[] =
    "golang.org/x/sys/unix\n"
    "# example.com/m/lib\n"
    "lib/l.go:2:23: undefined: z\n"
    "example.com/m/c\n"
    "# example.com/m/a\n"
    "a/main.go:2:11: fatal error: 'pcap.h' file not found\n"
    "example.com/m/b: exec: \"pkg-config\": executable file not found in $PATH\n"
    "# example.com/m/d\n"
    "/go/pkg/tool/linux_amd64/link: running /zig/zig failed: exit status 1\n"
    "ld.lld: error: undefined symbol: foo\n";

TEST(LogVerdictsTest, AFailureBelongsToTheProgramsMadeOfThatPackage) {
  EXPECT_EQ(Classify(kManyFail, {"example.com/m/a"}).failure, FailureClass::kSystemLibraryMissing);
  EXPECT_EQ(Classify(kManyFail, {"example.com/m/b"}).failure, FailureClass::kSystemLibraryMissing);
  EXPECT_THAT(Classify(kManyFail, {"example.com/m/b"}).detail, AllOf(HasSubstr("pkg-config"), Not(HasSubstr("pcap"))));
  const Classified c = Classify(kManyFail, {"example.com/m/c", "example.com/m/lib"});
  EXPECT_EQ(c.failure, FailureClass::kCompileError);
  EXPECT_EQ(c.detail, "# example.com/m/lib\nlib/l.go:2:23: undefined: z");
  EXPECT_EQ(Classify(kManyFail, {"example.com/m/d", "golang.org/x/sys/unix"}).failure, FailureClass::kLinkError);
}

TEST(LogVerdictsTest, TheOrderInWhichPackagesFailDoesNotMatter) {
  const Set both = {"example.com/m/a", "example.com/m/lib"};
  const std::string lib = "# example.com/m/lib\nlib/l.go:2:23: undefined: z\n";
  const std::string a = "# example.com/m/a\nmain.go:1:2: fatal error: 'pcap.h' file not found\n";
  const Classified one = Classify(lib + a, both), other = Classify(a + lib, both);
  EXPECT_EQ(one.failure, FailureClass::kSystemLibraryMissing);
  EXPECT_EQ(one.failure, other.failure);
  EXPECT_EQ(one.detail, other.detail);
}

TEST(LogVerdictsTest, WeightGoesBeforeTheOrderOfNames) {
  const Classified got = Classify(
      "# example.com/m/a\na.go:2:23: undefined: z\n"
      "# example.com/m/b\nmain.go:1:2: fatal error: 'pcap.h' file not found\n"
      "# example.com/m/c\nc.go:2:23: undefined: z\n",
      {"example.com/m/a", "example.com/m/b", "example.com/m/c"});
  EXPECT_EQ(got.failure, FailureClass::kSystemLibraryMissing);
  EXPECT_THAT(got.detail, HasSubstr("# example.com/m/b\n"));
}

TEST(LogVerdictsTest, TheDetailIsTheLinesFromJustBeforeTheDecisiveOneOn) {
  const Classified got = Classify(
      "# example.com/m/a\nfirst.c:1:2: warning: w\nIn file included from x.c:1:\n"
      "x.c:3:2: fatal error: 'pcap.h' file not found\n1 error generated.\n",
      {"example.com/m/a"});
  EXPECT_EQ(got.detail,
            "# example.com/m/a\nIn file included from x.c:1:\nx.c:3:2: fatal error: 'pcap.h' file not found\n"
            "1 error generated.");
}

TEST(LogVerdictsTest, AHeaderThatTheModuleHasItselfIsNoSystemLibrary) {
  const char* log = "# example.com/m/a\nh/main.go:3:11: fatal error: 'sub/own.h' file not found\n";
  const HasHeader has = [](std::string_view package, std::string_view name) {
    return package == "example.com/m/a" && name == "sub/own.h";
  };
  EXPECT_EQ(Classify(log, {"example.com/m/a"}, has).failure, FailureClass::kCompileError);
  EXPECT_EQ(Classify(log, {"example.com/m/a"}).failure, FailureClass::kSystemLibraryMissing);
}

// What people read first is what the linker said, not that it was run.
TEST(LogVerdictsTest, TheHeadlineOfALinkErrorIsTheLinkersOwn) {
  const Classified got = Classify(
      "# example.com/m/a\n/go/pkg/tool/linux_amd64/link: running /zig/zig failed: exit status 1\n"
      "ld.lld: error: undefined symbol: foo\n",
      {"example.com/m/a"});
  EXPECT_EQ(got.detail, "# example.com/m/a\nld.lld: error: undefined symbol: foo");
}

TEST(HintTest, AKnownCauseIsToldInOneSentence) {
  EXPECT_THAT(HintOf(FailureClass::kLinkError, "link: a.b/c: invalid reference to runtime.x"), HasSubstr("Go 1.23"));
  EXPECT_THAT(HintOf(FailureClass::kCompileError, "m.go:1:2: undefined: Asset"), HasSubstr("go-bindata"));
  EXPECT_THAT(HintOf(FailureClass::kSourceIncomplete, "whatever"), HasSubstr("must be committed"));
  EXPECT_THAT(HintOf(FailureClass::kSystemLibraryMissing, "pcap.h"), HasSubstr("static"));
  EXPECT_EQ(HintOf(FailureClass::kCompileError, "m.go:1:2: undefined: Foo"), "");
}

// A module could otherwise have itself built again and again, or blame the farm.
TEST(LogVerdictsTest, ASourceCannotSpeakForTheWorker) {
  for (const char* words :
       {"no space left on device", "signal: killed", "ReadOnlyFileSystem", "internal compiler error"}) {
    const std::string log =
        std::string("# example.com/m/a\nx.c:3:2: error: ") + words + "\n    3 | #error " + words + "\n";
    EXPECT_EQ(Classify(log, {"example.com/m/a"}).failure, FailureClass::kCompileError) << words;
  }
  const std::pair<const char*, FailureClass> lines[] = {
      {"main.go:3:13: cannot use \"no space left on device\" (untyped string constant) as int value in variable "
       "declaration",
       FailureClass::kCompileError},
      {"x.c:3:2: warning: signal: killed [-W#warnings]", FailureClass::kCompileError},
      {"x.c:7:9: note: thread 1 panic: std::bad_alloc", FailureClass::kCompileError},
      {"./x.s:3: unrecognized instruction \"NOSPACE\": disk quota exceeded", FailureClass::kCompileError},
      {"main.go:5:12: pattern no space left on device: no matching files found", FailureClass::kSourceIncomplete},
      {"invalid flag in #cgo LDFLAGS: -Wl,no space left on device", FailureClass::kCompileError},
      {"ld.lld: error: undefined symbol: no space left on device", FailureClass::kLinkError},
      {"error: undefined symbol: FileNotFound", FailureClass::kLinkError},
  };
  for (const auto& [line, failure] : lines) {
    EXPECT_EQ(Name(Classify(Cat("# example.com/m/a\n", line, "\n"), {"example.com/m/a"}).failure), Name(failure))
        << line;
  }
}

// A module with thousands of programs and thousands of missing headers must not hold the worker up.
TEST(LogVerdictsTest, EachMissingHeaderIsLookedForOnceHoweverManyProgramsThereAre) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += Cat("# example.com/m/a\nx.c:1:2: fatal error: 'h", i, ".h' file not found\n");
  int asked = 0;
  const ParsedLog log(text, kPackages);
  const LogVerdicts verdicts(log, [&asked](std::string_view, std::string_view) { return ++asked < 0; });
  for (int program = 0; program < 100; ++program) {
    EXPECT_EQ(verdicts.OfProgram({"example.com/m/a"}).failure, FailureClass::kSystemLibraryMissing);
  }
  EXPECT_EQ(asked, 100);
}

TEST(LogVerdictsTest, WordsOfACompilerBeforeAColonAreNoPackage) {
  const ParsedLog log("# example.com/m/a\nsrc/x.c: In function 'f'\nnote: example.com/m/b: nothing\n", kPackages);
  ASSERT_EQ(log.sections().size(), 2u);
  EXPECT_EQ(log.sections()[1].package, "example.com/m/a");
  EXPECT_EQ(log.sections()[1].lines.size(), 2u);
}

TEST(LogVerdictsTest, ThePackageThatGoCompilesNextEndsWhatWasSaidAboutTheOneBefore) {
  const ParsedLog log("# example.com/m/a\na.go:1:2: undefined: z\nexample.com/m/b\nsomething else\n", kPackages);
  ASSERT_EQ(log.sections().size(), 3u);
  EXPECT_EQ(log.sections()[1].lines.size(), 1u);
  EXPECT_EQ(log.sections()[2].package, "");
  EXPECT_THAT(log.sections()[2].lines, testing::ElementsAre("something else"));
}

TEST(DetailTest, IsBoundedEscapedAndWithoutTheLinkersCommandLine) {
  std::string log =
      "# example.com/m/a\n/go/pkg/tool/linux_amd64/link: running /zig/zig failed: exit status 1\n/zig/zig cc -target "
      "x86_64-linux-musl" +
      std::string(5000, 'o') + "\nld.lld: error: undefined symbol: \x1b[31mred\n";
  for (int i = 0; i < 500; ++i) log += "ld.lld: error: undefined symbol: " + std::string(300, 'f') + "\n";
  const std::string detail = Classify(log, {"example.com/m/a"}).detail;
  EXPECT_LE(detail.size(), kDetailMax);
  EXPECT_THAT(detail, AllOf(HasSubstr("\\x1b[31mred"), Not(HasSubstr("-target")), Not(HasSubstr("\x1b"))));
}

TEST(ConcernsWorkerTest, OnlyPassingTroublesEndAWholeAttempt) {
  EXPECT_TRUE(ConcernsWorker(FailureClass::kDiskFull));
  EXPECT_TRUE(ConcernsWorker(FailureClass::kToolchainBroken));
  EXPECT_FALSE(ConcernsWorker(FailureClass::kSystemLibraryMissing));
  EXPECT_FALSE(ConcernsWorker(FailureClass::kNotStaticPie));
}

}  // namespace
}  // namespace gofarm::build
