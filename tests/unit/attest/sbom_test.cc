#include "common/attest/sbom.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_replace.h"
#include "tests/support/golden.h"
#include "tests/unit/attest/example.h"

namespace gofarm::attest {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string Written(const SbomInput& input) {
  const auto sbom = SbomJson(input);
  EXPECT_TRUE(sbom.ok()) << sbom.status();
  return sbom.value_or("");
}

std::string SerialOf(const std::string& sbom) {
  const size_t at = sbom.find("urn:uuid:");
  return at == std::string::npos ? "" : sbom.substr(at, 45);
}

TEST(SbomTest, OfARealBuildIsTheGoldenFileEachTime) {
  const std::string sbom = Written(HeySbom());
  gofarm::testing::ExpectGolden("attest/sbom.json", sbom);
  EXPECT_EQ(Written(HeySbom()), sbom);
}

TEST(SbomTest, TheSerialNumberIsAUuidThatFollowsFromAllElse) {
  const std::string serial = SerialOf(Written(HeySbom()));
  EXPECT_THAT(serial,
              ::testing::MatchesRegex("urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"));
  SbomInput other = HeySbom();
  other.sha256 = DigestNumber(9);
  EXPECT_NE(SerialOf(Written(other)), serial);
  other = HeySbom();
  other.timestamp += absl::Seconds(1);
  EXPECT_NE(SerialOf(Written(other)), serial);
}

TEST(SbomTest, ACommandBelowTheRootIsInThePurlAlsoWhereGoModSaysAnotherName) {
  SbomInput input = HeySbom();
  input.build_info =
      absl::StrReplaceAll(input.build_info, {{"path\tgithub.com/rakyll/hey", "path\texample.com/hey/cmd/hey"}});
  input.declared_path = "example.com/hey";
  EXPECT_THAT(Written(input), HasSubstr("\"purl\": \"pkg:golang/github.com/rakyll/hey@v0.1.5?type=module#cmd/hey\""));
  input.declared_path.clear();
  EXPECT_EQ(SbomJson(input).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(SbomTest, AReplacementIsWhatIsLinkedIn) {
  SbomInput input = HeySbom();
  input.build_info = Cat("path\tgithub.com/rakyll/hey\nmod\tgithub.com/rakyll/hey\tv0.1.5\t", kMainH1,
                         "\ndep\texample.com/old\tv1.0.0\n=>\texample.com/New\tv2.0.0+incompatible\t", kNetH1,
                         "\ndep\texample.com/folder\tv1.1.0\n=>\t./folder\t(devel)\t\n");
  const std::string sbom = Written(input);
  EXPECT_THAT(sbom, HasSubstr("\"purl\": \"pkg:golang/example.com/New@v2.0.0%2Bincompatible?type=module\""));
  EXPECT_THAT(sbom, HasSubstr("\"value\": \"example.com/old@v1.0.0\""));
  EXPECT_THAT(sbom, HasSubstr("\"value\": \"example.com/folder@v1.1.0\""));
  EXPECT_THAT(sbom, Not(HasSubstr("pkg:golang/example.com/old")));
}

TEST(SbomTest, WithoutCgoNothingOfZigIsLinkedIn) {
  SbomInput input = HeySbom();
  EXPECT_THAT(Written(input), HasSubstr("pkg:generic/musl@1.2.5"));
  EXPECT_THAT(Written(input), HasSubstr("pkg:generic/compiler-rt@0.15.2"));
  input.build_info = absl::StrReplaceAll(input.build_info, {{"CGO_ENABLED=1", "CGO_ENABLED=0"}});
  EXPECT_THAT(Written(input), Not(HasSubstr("pkg:generic")));
}

TEST(SbomTest, OfAnUnknownZigTheVersionOfMuslIsLeftOut) {
  SbomInput input = HeySbom();
  input.zig_version = "9.9.9";
  EXPECT_THAT(Written(input), HasSubstr("\"purl\": \"pkg:generic/musl\""));
}

TEST(SbomTest, NamesFromOutsideStayText) {
  SbomInput input = HeySbom();
  input.build_info += "build\tvcs.note=\x1b[31m</script>\"\n";
  const std::string sbom = Written(input);
  EXPECT_THAT(sbom, HasSubstr("\\u001b[31m</script>\\\""));
  EXPECT_THAT(sbom, Not(HasSubstr("\x1b")));
}

TEST(SbomTest, WhatIsLostOrDamagedIsRefused) {
  const auto code_of = [](const auto& change) {
    SbomInput input = HeySbom();
    change(input);
    return SbomJson(input).status().code();
  };
  EXPECT_EQ(code_of([](SbomInput& i) { i.build_info.clear(); }), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(code_of([](SbomInput& i) { i.build_info = "dep\tx\n"; }), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code_of([](SbomInput& i) { i.build_info += "dep\tx\tv1\th1:short\n"; }),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code_of([](SbomInput& i) { i.build_info += std::string(2 << 20, '\n'); }),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code_of([](SbomInput& i) { i.module = "example.com/other"; }), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code_of([](SbomInput& i) { i.sha256 = "x"; }), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code_of([](SbomInput& i) { i.version.clear(); }), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code_of([](SbomInput& i) { i.timestamp = SbomInput().timestamp; }), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code_of([](SbomInput& i) { i.name.clear(); }), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace gofarm::attest
