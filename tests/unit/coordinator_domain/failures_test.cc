// What is one cause stands in one group, whatever file, version or number it was seen with.
#include "coordinator/domain/failures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/base/text.h"
#include "common/vocab/failure_text.h"

namespace gofarm::domain {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(FingerprintTest, WhatDiffersFromModuleToModuleIsTakenOut) {
  const std::pair<const char*, const char*> cases[] = {
      {"main.go:12:3: undefined: Asset", "FILE:N:N: undefined: Asset"},
      {"./cmd/x/main.go:1:20: undefined: Asset", "FILE:N:N: undefined: Asset"},
      {"internal/db.go:7:9: undefined: Asset", "FILE:N:N: undefined: Asset"},
      {"github.com/a/b@v1.2.3: invalid version: unknown revision", "PATH@VERSION: invalid version: unknown revision"},
      {"go: module needs go1.25.1 (running go1.26.8)", "go: module needs goVERSION (running goVERSION)"},
      {"got v0.0.0-20200101000000-abcdef012345, want 1.2", "got VERSION, want VERSION"},
      {"verifying module: h1:abcDEF0123456789abcDEF0123456789abcDEF01234=: mismatch",
       "verifying module: h1:HASH=: mismatch"},
      {"commit deadbeef12 is gone", "commit HASH is gone"},
      {"no output for 300s, 12 MiB read at 0x7ffe10", "no output for Ns, N MiB read at N"},
      {"took 1m30s.", "took NmNs."},
      {"fatal error: 'gtk/gtk.h' file not found", "fatal error: 'gtk/gtk.h' file not found"},
      {"a.c:3:10: fatal error: 'pcap.h' file not found", "FILE:N:N: fatal error: 'pcap.h' file not found"},
      {"link: github.com/x/y: invalid reference to runtime.procPin",
       "link: PATH: invalid reference to runtime.procPin"},
      {"undefined: syscall.Stat_t64", "undefined: syscall.Stat_t64"},
      {"package crypto/x509 is not in std", "package crypto/x509 is not in std"},
      {"Get \"https://example.com/a/b.zip\": EOF", "Get \"https:PATH\": EOF"},
      {"--- /", "--- /"},
      {"", ""},
  };
  for (const auto& [headline, fingerprint] : cases) EXPECT_EQ(FingerprintOf(headline), fingerprint) << headline;
}

TEST(FingerprintTest, AHeadlineOfAnyLengthIsBounded) {
  EXPECT_LE(FingerprintOf(std::string(1 << 20, 'x')).size(), kFingerprintMax);
  std::string many;
  for (int i = 0; i < 100'000; ++i) many += "1 ";
  EXPECT_LE(FingerprintOf(many).size(), kFingerprintMax);
  EXPECT_LE(FingerprintOf(std::string(5'000, '\xff')).size(), kFingerprintMax);
}

TEST(HeadlineTest, LinesThatNameAPackageOrAreEmptySayNothing) {
  EXPECT_EQ(Headline("# example.com/m\n\n  m.go:1:2: bad\r\nmore"), "m.go:1:2: bad");
  EXPECT_EQ(Headline("only"), "only");
  EXPECT_EQ(Headline("# example.com/m\n# example.com/n\n"), "");
  EXPECT_EQ(Headline(""), "");
}

FailedJob Failed(int64_t id, const std::string& module, FailureClass failure, const std::string& detail) {
  return {.job = {.id = JobId{id}, .module = module, .version = "v1.0.0"}, .failure = failure, .detail = detail};
}

TEST(FailureGrouperTest, JobsOfOneCauseAreOneGroupWithModulesCountedOnce) {
  FailureGrouper grouper;
  for (int i = 0; i < 4; ++i) {
    grouper.Add(Failed(10 + i, "example.com/a", FailureClass::kCompileError, Cat("a.go:", i, ":1: undefined: Asset")));
  }
  grouper.Add(Failed(20, "example.com/b", FailureClass::kCompileError, "# b\nb.go:7:1: undefined: Asset"));
  grouper.Add(Failed(21, "example.com/b", FailureClass::kTimeout, "a.go:1:1: undefined: Asset"));
  grouper.Add(Failed(22, "example.com/c", FailureClass::kTimeout, ""));
  const Failures all = grouper.Take(0);
  EXPECT_EQ(all.jobs, 7);
  EXPECT_EQ(all.groups_left_out, 0);
  ASSERT_EQ(all.groups.size(), 3u);
  const FailureGroup& first = all.groups[0];
  EXPECT_EQ(first.failure, FailureClass::kCompileError);
  EXPECT_EQ(first.fingerprint, "FILE:N:N: undefined: Asset");
  EXPECT_EQ(first.jobs, 5);
  EXPECT_EQ(first.modules, 2);
  EXPECT_THAT(first.hint, HasSubstr("go-bindata"));
  ASSERT_EQ(first.examples.size(), 2u) << "one of each module";
  EXPECT_EQ(first.examples[0].id, JobId{10});
  EXPECT_EQ(first.examples[1].id, JobId{20});
  EXPECT_EQ(all.groups[1].failure, FailureClass::kTimeout) << "another class is another cause";
  EXPECT_EQ(all.groups[1].fingerprint, "");
  EXPECT_THAT(all.groups[1].hint, IsEmpty());
}

TEST(FailureGrouperTest, GroupsBeyondTheLimitAreCountedAndNotShown) {
  FailureGrouper grouper;
  for (size_t i = 0; i < kFailureGroupsMax + 5; ++i) {
    const std::string name(1 + i / 26, static_cast<char>('a' + i % 26));
    grouper.Add(Failed(static_cast<int64_t>(i + 1), Cat("example.com/", name), FailureClass::kLinkError, name));
  }
  const Failures all = grouper.Take(0);
  EXPECT_EQ(all.groups.size(), kFailureGroupsMax);
  EXPECT_EQ(all.groups_left_out, 5);
  EXPECT_EQ(all.jobs, static_cast<int64_t>(kFailureGroupsMax + 5)) << "of those too";
  EXPECT_THAT(grouper.Take(0).groups, IsEmpty());
}

}  // namespace
}  // namespace gofarm::domain
