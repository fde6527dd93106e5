// The rule table: which repair a real failure leads to, and that no job tries for ever.
#include "worker/build/rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "common/base/text.h"
#include "worker/build/classify.h"

namespace gofarm::build {
namespace {

using testing::ElementsAre;

struct Case {
  const char* what;
  const char* log;
  Fingerprint fingerprint;
};

// Lines as Go 1.26.8 and zig 0.15.2 print them.
const Case kCases[] = {
    {"go install refuses replace lines",
     "go: go.etcd.io/etcd/etcdctl/v3@v3.6.0 (in go.etcd.io/etcd/etcdctl/v3@v3.6.0):\n"
     "\tThe go.mod file for the module providing named packages contains one or\n"
     "\tmore replace directives. It must not contain directives that would cause\n"
     "\tit to be interpreted differently than if it were the main module.\n",
     Fingerprint::kDirectivesRefused},
    {"go install refuses exclude lines",
     "\tThe go.mod file for the module providing named packages contains one or\n"
     "\tmore exclude directives. It must not contain directives that would cause\n"
     "\tit to be interpreted differently than if it were the main module.\n",
     Fingerprint::kDirectivesRefused},
    {"a replacement folder that no zip holds",
     "x/m.go:2:8: example.com/z@v1.0.0: replacement directory ../zz does not exist\n",
     Fingerprint::kReplacementMissing},
    {"the go.mod of a replacement folder is not there",
     "go: go.etcd.io/etcd/api/v3@v3.6.0 (replaced by ../api): reading ../api/go.mod: open /api/go.mod: no such file or "
     "directory\n",
     Fingerprint::kReplacementMissing},
    {"an old sqlite against musl",
     "# github.com/mattn/go-sqlite3\n"
     "sqlite3-binding.c:37644:42: error: use of undeclared identifier 'pread64'\n"
     " 37644 |   { \"pread64\",      (sqlite3_syscall_ptr)pread64,    0  },\n",
     Fingerprint::kLargeFileNames},
    {"sqlite's table of system calls in the wake of it",
     "sqlite3-binding.c:37801:22: error: invalid application of 'sizeof' to an incomplete type 'struct "
     "unix_syscall[]'\n",
     Fingerprint::kLargeFileNames},
    {"a type name", "i/main.go:3:2: error: unknown type name 'off64_t'\n", Fingerprint::kLargeFileNames},
    {"a call",
     "x.c:9:10: error: call to undeclared function 'lseek64'; ISO C99 and later do not support implicit declarations\n",
     Fingerprint::kLargeFileNames},
    {"a struct", "x.c:9:10: error: variable has incomplete type 'struct stat64'\n", Fingerprint::kLargeFileNames},
    {"cgo's own words", "a.go:9:10: could not determine what C.off64_t refers to\n", Fingerprint::kLargeFileNames},
    {"a function of dirent.h", "a.go:9:27: error: call to undeclared function 'readdir64'; ISO C99 and later\n",
     Fingerprint::kLargeFileNames},
    {"a function of stdio.h", "x.c:9:10: error: call to undeclared function 'tmpfile64'\n",
     Fingerprint::kLargeFileNames},
    {"a name that only begins like one", "x.c:9:10: error: call to undeclared function 'open64_mine'\n",
     Fingerprint::kNone},
    {"an object that wants one", "ld.lld: error: undefined symbol: open64\n", Fingerprint::kLargeFileNames},
    {"a prebuilt object that wants another libc", "ld.lld: error: undefined symbol: __strdup\n", Fingerprint::kNone},
    {"the go line is too low",
     "# a.b/c\n./main.go:6:17: cannot range over 3 (untyped int constant): requires go1.22 or later (-lang was set to "
     "go1.16; check go.mod)\n",
     Fingerprint::kGoLineTooLow},
    {"the go line of a dependency is too low",
     "# example.com/dep/x\nmain.go:6:17: cannot range over 3: requires go1.22 or later (-lang was set to go1.16; check "
     "go.mod)\n",
     Fingerprint::kDependencyBroken},
    {"a reference into the runtime", "# a.b/c\nlink: a.b/c: invalid reference to runtime.rawbyteslice\n",
     Fingerprint::kLinknameRefused},
    {"a flag that changes nothing", "# a.b/c\nerror: unsupported linker arg: --unresolved-symbols\n",
     Fingerprint::kLinkerFlag},
    {"a dependency", "# example.com/dep/x\nx.go:22:11: undefined: GoMapIterator\n", Fingerprint::kDependencyBroken},
    {"the module's own code", "# a.b/c\nx.go:22:11: undefined: GoMapIterator\n", Fingerprint::kNone},
    {"another undeclared name", "x.c:9:10: error: use of undeclared identifier 'foo'\n", Fingerprint::kNone},
    {"a mention that is no error", "sqlite.c:1:1: note: 'pread64' declared here\n", Fingerprint::kNone},
    {"the zig cache is read-only", "error: failed to create output directory '/zigcache/o/1': ReadOnlyFileSystem\n",
     Fingerprint::kToolchainBroken},
    {"a race in the zig cache", "error: unable to create compilation: FileNotFound\n", Fingerprint::kToolchainBroken},
    {"zig is not whole", "error: unable to find zig installation directory '/zig/zig': FileNotFound\n",
     Fingerprint::kToolchainBroken},
    {"zig panics", "thread 4242 panic: reached unreachable code\n", Fingerprint::kToolchainBroken},
    {"Go's compiler panics", "a.go:3:4: internal compiler error: panic: runtime error\n",
     Fingerprint::kToolchainBroken},
    {"the module's own object is missing", "error: failed to open object /src/lib/x.o: FileNotFound\n",
     Fingerprint::kNone},
    {"a source that speaks like a broken toolchain", "x.c:3:2: error: ReadOnlyFileSystem FileNotFound\n",
     Fingerprint::kNone},
    {"a quoted source line", "   37 | thread 1 panic: internal compiler error\n", Fingerprint::kNone},
    {"a warning of zig", "warning: unable to open library directory '/nosuch': FileNotFound\n", Fingerprint::kNone},
    {"an error of zig that says nothing of its own files", "error: unsupported linker arg: --foo\n",
     Fingerprint::kNone},
    {"an ordinary compile error", "# golang.org/x/sys/unix\nztypes_linux.go:22:11: undefined: Timespec\n",
     Fingerprint::kNone},
    {"nothing", "", Fingerprint::kNone},
};

PackageOrigin OriginOf(std::string_view package) {
  if (package.starts_with("a.b/c")) return {PackageOrigin::Kind::kOwn, "", false};
  if (package.starts_with("example.com/dep")) return {PackageOrigin::Kind::kDependency, "example.com/dep", false};
  if (package.starts_with("example.com/port")) return {PackageOrigin::Kind::kDependency, "example.com/port", true};
  return {};
}

std::vector<Finding> Findings(std::string_view log, const std::set<std::string>& linked = {}) {
  return FindingsOf(ParsedLog(log, {"a.b/c", "example.com/dep/x", "example.com/port"}).sections(), OriginOf, linked);
}

Fingerprint FingerprintOf(std::string_view log) {
  const std::vector<Finding> findings = Findings(log);
  return findings.empty() ? Fingerprint::kNone : findings.front().fingerprint;
}

TEST(FingerprintTest, KnowsEachFailureOfTheTable) {
  for (const Case& c : kCases)
    EXPECT_EQ(FingerprintName(FingerprintOf(c.log)), FingerprintName(c.fingerprint)) << c.what;
}

TEST(FindingTest, NamesWhatItIsAbout) {
  EXPECT_THAT(Findings("# example.com/dep/x\nx.go:2:1: undefined: A\ny.go:3:1: undefined: B\n# example.com/port\n"
                       "z.go:4:5: undefined: syscall.Dup2\n"),
              ElementsAre(Finding{Fingerprint::kDependencyBroken, "example.com/dep", false},
                          Finding{Fingerprint::kDependencyBroken, "example.com/port", true}));
  EXPECT_THAT(Findings("# a.b/c\n./x.go:6:1: min requires go1.21 or later (-lang was set to go1.16; check go.mod)\n"
                       "./x.go:7:1: y requires go1.23 or later (-lang was set to go1.16; check go.mod)\n"),
              ElementsAre(Finding{Fingerprint::kGoLineTooLow, "1.23", false},
                          Finding{Fingerprint::kGoLineTooLow, "1.21", false}));
}

TEST(FindingTest, ALogThatSaysTheSameForEverIsReadOnce) {
  std::string log;
  for (int i = 0; i < 20'000; ++i) {
    log += Cat("# example.com/dep/x\nx.go:1:1: undefined: A\n# a.b/c\n./x.go:1:1: y requires go1.", i,
               " or later (-lang was set to go1.16; check go.mod)\n");
  }
  int asked = 0;
  const ParsedLog parsed(log, {"a.b/c", "example.com/dep/x"});
  const std::vector<Finding> findings =
      FindingsOf(parsed.sections(), [&](std::string_view package) { return ++asked, OriginOf(package); }, {});
  EXPECT_EQ(asked, 2);
  EXPECT_LE(findings.size(), 100u);
}

TEST(FindingTest, ModulesWithPrebuiltCForMuslHaveTheirTag) {
  EXPECT_THAT(
      Findings("ld.lld: error: undefined symbol: __strdup\n", {"github.com/confluentinc/confluent-kafka-go/v2"}),
      ElementsAre(Finding{Fingerprint::kTagWanted, "musl", false}));
}

TEST(FingerprintTest, WhatKeepsEverythingFromLoadingComesFirst) {
  EXPECT_EQ(FingerprintOf("x.c:1:3: error: unknown type name 'off64_t'\n"
                          "m.go:2:8: example.com/z@v1.0.0: replacement directory ../zz does not exist\n"),
            Fingerprint::kReplacementMissing);
  EXPECT_EQ(FingerprintOf("thread 1 panic: x\nx.c:1:3: error: unknown type name 'off64_t'\n"),
            Fingerprint::kLargeFileNames);
}

Variant With(fetch::Base base, bool lfs64 = false) {
  Variant variant;
  variant.form.base = base;
  variant.lfs64 = lfs64;
  return variant;
}

std::optional<Variant> After(const Variant& failed, const std::vector<Finding>& findings,
                             const std::vector<Variant>& tried, const Choices& choices = {}) {
  const std::optional<Next> next = NextVariant(failed, findings, tried, choices);
  return next ? std::optional<Variant>(next->variant) : std::nullopt;
}

std::optional<Variant> After(const Variant& failed, Fingerprint fingerprint, const std::vector<Variant>& tried) {
  return After(failed, std::vector<Finding>{{fingerprint, "x"}}, tried);
}

TEST(VariantTest, NamesAreThoseOfTheReport) {
  EXPECT_THAT(
      (std::vector<std::string>{
          VariantName({}), VariantName(With(fetch::Base::kInstall, true)), VariantName(With(fetch::Base::kSource)),
          VariantName(With(fetch::Base::kNoReplace, true)), VariantName(With(fetch::Base::kSibling))}),
      ElementsAre("install", "install+lfs64", "source", "noreplace+lfs64", "sibling"));
  Variant all = With(fetch::Base::kSource, true);
  all.form = {fetch::Base::kSource, true, "1.22", {{"a.b/c", "v1.0.0"}, {"a.b/d", "v1.0.0"}}, {"jsonv2"}, {"musl"}};
  all.linkname = all.portable = true;
  all.dropped_link_flags = {"--unresolved-symbols"};
  all.aliases = {"open64"};
  EXPECT_EQ(
      VariantName(all),
      "source+previous-go+go-1.22+raised-2+experiment-jsonv2+tag-musl+lfs64+aliases-1+linkname+portable+link-flags-1");
  EXPECT_EQ(EditsOf(all).size(), 5u);
  EXPECT_THAT(EditsOf(Variant{}), ::testing::IsEmpty());
}

TEST(NextVariantTest, EachFingerprintHasItsRepair) {
  const Variant install;
  EXPECT_EQ(After(install, Fingerprint::kDirectivesRefused, {install}), With(fetch::Base::kSource));
  EXPECT_EQ(After(With(fetch::Base::kSource), Fingerprint::kReplacementMissing, {}), With(fetch::Base::kNoReplace));
  EXPECT_EQ(After(install, Fingerprint::kLargeFileNames, {install}), With(fetch::Base::kInstall, true));
  EXPECT_TRUE(After(install, Fingerprint::kLinknameRefused, {install})->linkname);
  EXPECT_THAT(After(install, Fingerprint::kExperimentWanted, {install})->form.experiments, ElementsAre("x"));
  EXPECT_THAT(After(install, Fingerprint::kTagWanted, {install})->form.tags, ElementsAre("x"));
  const std::optional<Variant> go_line = After(install, std::vector<Finding>{{Fingerprint::kGoLineTooLow, "1.22"}}, {});
  EXPECT_EQ(VariantName(*go_line), "source+go-1.22") << "the module's own go.mod can only be changed in a copy";
  EXPECT_EQ(After(*go_line, std::vector<Finding>{{Fingerprint::kGoLineTooLow, "1.21"}}, {}), std::nullopt);
}

TEST(NextVariantTest, AnObjectThatWasNotCompiledHereGetsItsNamesAtTheLink) {
  const std::vector<Finding> findings = Findings("ld.lld: error: undefined symbol: open64\n");
  const std::optional<Variant> declared = After({}, findings, {Variant{}});
  EXPECT_EQ(VariantName(*declared), "install+lfs64");
  EXPECT_EQ(VariantName(*After(*declared, findings, {Variant{}, *declared})), "install+lfs64+aliases-1");
}

TEST(NextVariantTest, NamesOfOneKindAreRepairedTogether) {
  const std::optional<Variant> next = After({},
                                            {{Fingerprint::kLargeFileSymbols, "stat64"},
                                             {Fingerprint::kLargeFileSymbols, "open64"},
                                             {Fingerprint::kLinkerFlag, "-t"}},
                                            {});
  ASSERT_TRUE(next.has_value());
  EXPECT_THAT(next->aliases, ElementsAre("open64", "stat64"));
  EXPECT_TRUE(next->lfs64);
  EXPECT_THAT(next->dropped_link_flags, ::testing::IsEmpty());
}

TEST(NextVariantTest, ADependencyGetsThePreviousGoFirstAndANewerReleaseThen) {
  const std::vector<Finding> broken = {{Fingerprint::kDependencyBroken, "a.b/dep", false},
                                       {Fingerprint::kDependencyBroken, "a.b/other", false}};
  std::vector<Variant> tried = {Variant{}};
  Choices choices{.previous_go = true};
  const std::optional<Variant> older = After({}, broken, tried, choices);
  EXPECT_EQ(VariantName(*older), "install+previous-go");
  tried.push_back(*older);
  std::optional<Variant> raised = After(*older, broken, tried, choices);
  EXPECT_EQ(VariantName(*raised), "install+raised");
  EXPECT_EQ(raised->form.raised.front(), (gomod::ModuleVersion{"a.b/dep", ""}));
  raised->form.raised.front().version = "v1.9.0";
  tried.push_back(*raised);
  EXPECT_EQ(VariantName(*After(*raised, broken, tried, choices)), "install+raised-2");
  choices.cannot_be_raised = {"a.b/dep"};
  EXPECT_EQ(After(*older, broken, tried, choices)->form.raised.front().path, "a.b/other");
  choices.cannot_be_raised = {"a.b/dep", "a.b/other"};
  EXPECT_EQ(After(*older, broken, tried, choices), std::nullopt);
}

TEST(NextVariantTest, AModuleWithoutGoModGetsTheVersionsOfItsTimeFirst) {
  const auto log =
      ParsedLog("# a.b/c\nx.go:2:1: assignment mismatch: 1 variable but uuid.NewV4 returns 2 values\n", {"a.b/c"});
  const auto chosen = [](std::string_view) { return PackageOrigin{PackageOrigin::Kind::kOwn, "", false, true}; };
  const std::vector<Finding> findings = FindingsOf(log.sections(), chosen, {});
  EXPECT_THAT(findings, ElementsAre(Finding{Fingerprint::kVersionsTooNew, "", false}));
  const std::optional<Variant> locked = After({}, findings, {Variant{}});
  EXPECT_EQ(VariantName(*locked), "install+locked");
  EXPECT_EQ(After(*locked, findings, {Variant{}, *locked}), std::nullopt);
  EXPECT_EQ(After(With(fetch::Base::kSource), findings, {}), std::nullopt);
}

TEST(NextVariantTest, AnOlderGoIsNoHelpForAPortThatADependencyLacks) {
  const std::vector<Finding> broken = {{Fingerprint::kDependencyBroken, "a.b/dep", true}};
  EXPECT_EQ(VariantName(*After({}, broken, {}, {.previous_go = true})), "install+raised");
  EXPECT_EQ(VariantName(*After({}, broken, {}, {.previous_go = true, .cannot_be_raised = {"a.b/dep"}})),
            "install+previous-go");
}

TEST(NextVariantTest, ADependencyThatCrashesAtStartIsRaisedAndTheProgramsOwnPackageNever) {
  const std::vector<Finding> crash = {{Fingerprint::kCrashesAtStart, "a.b/dep"}};
  const std::optional<Variant> raised = After({}, crash, {Variant{}}, {.previous_go = true});
  EXPECT_EQ(VariantName(*raised), "install+raised") << "it compiles: an older Go is no help";
  EXPECT_EQ(raised->form.raised.front(), (gomod::ModuleVersion{"a.b/dep", ""}));
  Variant newest = *raised;
  newest.form.raised.front().version = "v1.9.0";
  EXPECT_EQ(After(newest, crash, {Variant{}, newest}), std::nullopt) << "its newest release crashes too";
  EXPECT_EQ(After({}, crash, {Variant{}}, {.cannot_be_raised = {"a.b/dep"}}), std::nullopt);
  EXPECT_EQ(After({}, {{Fingerprint::kCrashesAtStart, ""}}, {Variant{}}, {.previous_go = true}), std::nullopt);
}

TEST(NextVariantTest, ARepairKeepsWhatWasRepairedBefore) {
  EXPECT_EQ(After(With(fetch::Base::kNoReplace), Fingerprint::kLargeFileNames, {}),
            With(fetch::Base::kNoReplace, true));
  EXPECT_EQ(After(With(fetch::Base::kInstall, true), Fingerprint::kDirectivesRefused, {}),
            With(fetch::Base::kSource, true));
}

TEST(NextVariantTest, StopsWithoutRepairOrWhenItWasTried) {
  const Variant install, lfs64 = With(fetch::Base::kInstall, true);
  EXPECT_EQ(After(install, Fingerprint::kNone, {install}), std::nullopt);
  EXPECT_EQ(After(install, Fingerprint::kToolchainBroken, {install}), std::nullopt);
  EXPECT_EQ(After(lfs64, Fingerprint::kLargeFileNames, {install, lfs64}), std::nullopt);
  EXPECT_EQ(After(install, Fingerprint::kLargeFileNames, {lfs64, install}), std::nullopt);
}

// Whatever a module prints: every step is a new one, and they end. A walk by a seed stands for the module.
TEST(NextVariantTest, EveryWayEndsAndNeverRepeats) {
  std::mt19937 random(7);
  size_t longest = 0;
  for (int walk = 0; walk < 3000; ++walk) {
    std::vector<Variant> tried = {Variant{}};
    const Choices choices{.previous_go = random() % 2 == 0};
    while (true) {
      std::vector<Finding> findings;
      for (size_t i = random() % 4 + 1; i > 0; --i) {
        findings.push_back({static_cast<Fingerprint>(random() % (static_cast<int>(Fingerprint::kToolchainBroken) + 1)),
                            Cat("1.", random() % 30), random() % 2 == 0});
      }
      std::optional<Variant> next = After(tried.back(), findings, tried, choices);
      if (!next) break;
      for (gomod::ModuleVersion& raised : next->form.raised) {
        if (raised.version.empty()) raised.version = "v1.0.0";
      }
      ASSERT_THAT(tried, ::testing::Not(::testing::Contains(*next)));
      ASSERT_LE(next->form.raised.size(), kRaisedMax);
      tried.push_back(*std::move(next));
      ASSERT_LE(tried.size(), kTriesMax);
    }
    longest = std::max(longest, tried.size());
  }
  EXPECT_GT(longest, 5u);
}

}  // namespace
}  // namespace gofarm::build
