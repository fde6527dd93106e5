// The rule table: which repair a real failure leads to, and that no job tries for ever.
#include "worker/build/rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

TEST(FingerprintTest, KnowsEachFailureOfTheTable) {
  for (const Case& c : kCases)
    EXPECT_EQ(FingerprintName(FingerprintOf(c.log)), FingerprintName(c.fingerprint)) << c.what;
}

TEST(FingerprintTest, WhatKeepsEverythingFromLoadingComesFirst) {
  EXPECT_EQ(FingerprintOf("x.c:1:3: error: unknown type name 'off64_t'\n"
                          "m.go:2:8: example.com/z@v1.0.0: replacement directory ../zz does not exist\n"),
            Fingerprint::kReplacementMissing);
  EXPECT_EQ(FingerprintOf("thread 1 panic: x\nx.c:1:3: error: unknown type name 'off64_t'\n"),
            Fingerprint::kLargeFileNames);
}

TEST(VariantTest, NamesAreThoseOfTheReport) {
  EXPECT_THAT((std::vector<std::string>{VariantName({}), VariantName({Base::kInstall, true}),
                                        VariantName({Base::kSource, false}), VariantName({Base::kNoReplace, false}),
                                        VariantName({Base::kNoReplace, true})}),
              ElementsAre("install", "install+lfs64", "source", "noreplace", "noreplace+lfs64"));
}

TEST(NextVariantTest, EachFingerprintHasItsRepair) {
  const Variant install;
  EXPECT_EQ(NextVariant(install, Fingerprint::kDirectivesRefused, {install}), (Variant{Base::kSource, false}));
  EXPECT_EQ(NextVariant({Base::kSource, false}, Fingerprint::kReplacementMissing, {}),
            (Variant{Base::kNoReplace, false}));
  EXPECT_EQ(NextVariant(install, Fingerprint::kLargeFileNames, {install}), (Variant{Base::kInstall, true}));
}

TEST(NextVariantTest, ARepairKeepsWhatWasRepairedBefore) {
  EXPECT_EQ(NextVariant({Base::kNoReplace, false}, Fingerprint::kLargeFileNames, {}),
            (Variant{Base::kNoReplace, true}));
  EXPECT_EQ(NextVariant({Base::kInstall, true}, Fingerprint::kDirectivesRefused, {}), (Variant{Base::kSource, true}));
}

TEST(NextVariantTest, StopsWithoutRepairOrWhenItWasTried) {
  const Variant install, lfs64{Base::kInstall, true};
  EXPECT_EQ(NextVariant(install, Fingerprint::kNone, {install}), std::nullopt);
  EXPECT_EQ(NextVariant(install, Fingerprint::kToolchainBroken, {install}), std::nullopt);
  EXPECT_EQ(NextVariant(lfs64, Fingerprint::kLargeFileNames, {install, lfs64}), std::nullopt);
  EXPECT_EQ(NextVariant(install, Fingerprint::kLargeFileNames, {lfs64, install}), std::nullopt);
}

// The longest way that any module's output can lead to, from the variants tried so far; every step must be a new one.
size_t LongestWay(std::vector<Variant> tried) {
  size_t longest = tried.size();
  for (const Fingerprint fingerprint :
       {Fingerprint::kNone, Fingerprint::kDirectivesRefused, Fingerprint::kReplacementMissing,
        Fingerprint::kLargeFileNames, Fingerprint::kToolchainBroken}) {
    const std::optional<Variant> next = NextVariant(tried.back(), fingerprint, tried);
    if (!next) continue;
    EXPECT_THAT(tried, ::testing::Not(::testing::Contains(*next)));
    std::vector<Variant> more = tried;
    more.push_back(*next);
    if (more.size() <= 10) longest = std::max(longest, LongestWay(std::move(more)));
  }
  return longest;
}

// Whatever a module prints, it costs a bounded number of tries: source and noreplace before and after lfs64.
TEST(NextVariantTest, EveryWayEndsAfterAtMostFiveTries) { EXPECT_EQ(LongestWay({kFirstVariant}), 5u); }

}  // namespace
}  // namespace gofarm::build
