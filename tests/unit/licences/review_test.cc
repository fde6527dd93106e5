#include "common/licences/review.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/text.h"
#include "tests/unit/licences/spdx_texts.h"

namespace gofarm::licences {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

LicenceDocument Sample() {
  DocumentBuilder builder;
  builder.AddModule({.kind = "main", .path = "example.test/tool", .version = "v1.2.3"});
  builder.AddFile("LICENSE", SpdxText("MIT"));
  builder.AddModule({.path = "example.test/linked", .version = "v0.1.0"});
  builder.AddFile("LICENSE", SpdxText("MIT"));
  builder.AddModule({.path = "example.test/other", .version = "v0.1.0"});
  builder.AddFile("LICENSE", SpdxText("BUSL-1.1"));
  builder.AddModule({.kind = "toolchain", .path = "go", .version = "go1.26.8"});
  builder.AddFile("LICENSE", SpdxText("BSD-3-Clause"));
  builder.AddModule({.kind = "toolchain", .path = "zig/musl", .version = "0.15.2"});
  builder.AddFile("COPYRIGHT", SpdxText("MIT"));
  builder.AddModule({.kind = "toolchain", .path = "zig/compiler-rt", .version = "0.15.2"});
  builder.AddFile("LICENSE", SpdxText("MIT"));
  return ReadDocument(builder.Write()).value();
}

const LinkedName kMain{"example.test/tool", "v1.2.3", "", ""};

Decision Of(const LicenceDocument& document, const std::vector<LinkedName>& linked) {
  const auto findings = Review(Scope{}, Corpus::Spdx(), document, kMain, linked);
  EXPECT_TRUE(findings.ok()) << findings.status();
  return Decide(Corpus::Spdx(), Policy{}, *findings);
}

TEST(ReviewTest, OnlyWhatAnExecutableLinksCounts) {
  const Decision fine = Of(Sample(), {{"example.test/linked", "v0.1.0", "", ""}});
  EXPECT_EQ(fine.verdict, Verdict::kPublish) << fine.reason;
  EXPECT_EQ(fine.licence, "MIT");
  EXPECT_EQ(fine.expression, "BSD-3-Clause AND MIT");
  EXPECT_THAT(fine.modules, SizeIs(5));
  const Decision refused =
      Of(Sample(), {{"example.test/other", "v0.1.0", "", ""}, {"example.test/linked", "v0.1.0", "", ""}});
  EXPECT_EQ(refused.verdict, Verdict::kRefuse);
  EXPECT_THAT(refused.reason, HasSubstr("example.test/other@v0.1.0: licence BUSL-1.1 (non-free)"));
}

TEST(ReviewTest, WhatTheDocumentDoesNotNameIsUnknown) {
  const Decision other_version = Of(Sample(), {{"example.test/linked", "v9.9.9", "", ""}});
  EXPECT_EQ(other_version.verdict, Verdict::kRefuse);
  EXPECT_THAT(other_version.reason, HasSubstr("example.test/linked@v9.9.9: no licence file"));
  EXPECT_EQ(Of(LicenceDocument{}, {}).verdict, Verdict::kRefuse);
  LicenceDocument cut = Sample();
  cut.modules[1].files.push_back({.name = "COPYING", .text = -1, .left_out = "larger than it may be"});
  EXPECT_EQ(Of(cut, {{"example.test/linked", "v0.1.0", "", ""}}).verdict, Verdict::kRefuse);
}

// Older workers had no files of Go, musl and compiler-rt: their builds are not published on what is known.
TEST(ReviewTest, DocumentsOfOlderWorkers) {
  const std::string mit = SpdxText("MIT");
  const auto old = ReadDocument(Cat("==== example.test/fork@v0.2.0 LICENSE (", mit.size(), " bytes)\n", mit, "\n",
                                    "==== example.test/tool@v1.2.3 LICENSE (", mit.size(), " bytes)\n", mit, "\n"));
  ASSERT_TRUE(old.ok()) << old.status();
  const auto findings =
      Review(Scope{}, Corpus::Spdx(), *old, kMain, {{"example.test/linked", "v0.1.0", "example.test/fork", "v0.2.0"}});
  ASSERT_TRUE(findings.ok());
  ASSERT_THAT(*findings, SizeIs(5));
  EXPECT_EQ((*findings)[0].files.at(0).detection.expression.ToString(), "MIT");
  EXPECT_EQ((*findings)[1].path, "example.test/linked");
  EXPECT_EQ((*findings)[1].files.at(0).detection.expression.ToString(), "MIT");
  EXPECT_EQ((*findings)[2].path, "go");
  EXPECT_THAT((*findings)[2].files, IsEmpty());
  EXPECT_EQ(Decide(Corpus::Spdx(), Policy{}, *findings).verdict, Verdict::kRefuse);
}

TEST(ReviewTest, AStopEndsIt) {
  EXPECT_EQ(Review(Scope::For(absl::ZeroDuration()), Corpus::Spdx(), Sample(), kMain, {}).status().code(),
            absl::StatusCode::kDeadlineExceeded);
}

}  // namespace
}  // namespace gofarm::licences
