#include "common/gomod/build_constraint.h"

#include <gtest/gtest.h>

#include <string>

#include "common/base/text.h"

namespace gofarm::gomod {
namespace {

const BuildTags& Amd64() {
  static const auto& tags = *new BuildTags("amd64", "1.26.8", RecipeTags(), DefaultExperiments());
  return tags;
}

// "yes", "no", or "error".
std::string Decision(const std::string& header, const BuildTags& tags = Amd64()) {
  const absl::StatusOr<ConstraintLines> lines = FindConstraints(header);
  if (!lines.ok()) return "error";
  const absl::StatusOr<bool> holds = ConstraintsHold(*lines, tags);
  return holds.ok() ? *holds ? "yes" : "no" : "error";
}

TEST(BuildTagsTest, AreThoseOfTheRecipe) {
  for (const char* tag : {"linux", "unix", "amd64", "cgo", "gc", "netgo", "osusergo", "go1.1", "go1.26", "amd64.v1",
                          "goexperiment.greenteagc"}) {
    EXPECT_TRUE(Amd64().Has(tag)) << tag;
  }
  for (const char* tag :
       {"windows", "arm64", "go1.27", "go1.0", "ignore", "amd64.v2", "boringcrypto", "arm64.v8.0", ""}) {
    EXPECT_FALSE(Amd64().Has(tag)) << tag;
  }
  EXPECT_TRUE(BuildTags("arm64", "1.26", {}, {}).Has("arm64.v8.0"));
  EXPECT_TRUE(BuildTags("riscv64", "1.26", {}, {}).Has("riscv64.rva20u64"));
  EXPECT_FALSE(BuildTags("loong64", "1.26", {}, {}).Has("netgo"));
  EXPECT_TRUE(BuildTags("amd64", "1.26", {}, {"boringcrypto"}).Has("boringcrypto"));
}

TEST(FileNameFitsTest, ReadsTheNameUpToItsFirstDot) {
  for (const char* name :
       {"main.go", "linux.go", "windows.go", "x_unix.go", "x_linux.go", "x_amd64.go", "x_linux_amd64.go",
        "x_linux_test.go", "x_linux.pb.go", "x_windows_y.go", "x.pb_windows.go", "a_amd64_linux.go"}) {
    EXPECT_TRUE(FileNameFits(name, Amd64())) << name;
  }
  for (const char* name : {"x_windows.go", "x_windows.pb.go", "x_arm64.go", "x_linux_arm64.go", "x_windows_amd64.go",
                           "_windows.go", "x_windows_test.go", "x_js_wasm.go", "x_sparc64.go", "x_zos.go"}) {
    EXPECT_FALSE(FileNameFits(name, Amd64())) << name;
  }
}

TEST(ConstraintsTest, GoBuildDecidesAlone) {
  EXPECT_EQ(Decision("package main"), "yes");
  EXPECT_EQ(Decision("//go:build linux && !windows\npackage main"), "yes");
  EXPECT_EQ(Decision("//go:build linux && (windows || !cgo)\n\npackage main"), "no");
  EXPECT_EQ(Decision("//go:build linux\n// +build windows\n\npackage main"), "yes");
  EXPECT_EQ(Decision("// text\n/* block */\n//go:build windows\npackage main"), "no");
  EXPECT_EQ(Decision("/*\n//go:build windows\n*/\npackage main"), "yes");
  EXPECT_EQ(Decision("package main\n//go:build windows\n"), "yes");
  EXPECT_EQ(Decision("//go:buildwindows\npackage main"), "yes");
  EXPECT_EQ(Decision(" \t//go:build windows \r\npackage main"), "no");
  EXPECT_EQ(Decision("//go:build ignore\n"), "no");
}

TEST(ConstraintsTest, GoBuildThatIsNoExpressionIsAnError) {
  for (const char* line : {"", "linux &&", "linux windows", "!!linux", "(linux", "linux)", "linux & cgo", "a-b"}) {
    EXPECT_EQ(Decision(Cat("//go:build ", line, "\npackage main")), "error") << line;
  }
  EXPECT_EQ(Decision("//go:build linux\n//go:build linux\npackage main"), "error");
}

TEST(ConstraintsTest, HostileExpressionsAreBounded) {
  EXPECT_EQ(Decision(Cat("//go:build ", std::string(1'000'000, '('), "\n")), "error");
  std::string nots = "//go:build ";
  for (int i = 0; i < 100'000; ++i) nots += "!(";
  EXPECT_EQ(Decision(nots), "error");
  std::string terms = "//go:build linux";
  for (int i = 0; i < 5'000; ++i) terms += "||linux";
  EXPECT_EQ(Decision(terms), "error");
}

TEST(ConstraintsTest, PlusBuildLinesMustAllHoldAndBeFollowedByABlankLine) {
  EXPECT_EQ(Decision("// +build windows\n\npackage main"), "no");
  EXPECT_EQ(Decision("// +build windows\npackage main"), "yes");
  EXPECT_EQ(Decision("// +build windows linux\n\npackage main"), "yes");
  EXPECT_EQ(Decision("// +build linux,!cgo\n\npackage main"), "no");
  EXPECT_EQ(Decision("// +build linux\n// +build !amd64\n\npackage main"), "no");
  EXPECT_EQ(Decision("/* x */\n// +build windows\n\npackage main"), "yes");
  EXPECT_EQ(Decision("//+build windows\n\npackage main"), "no");
  EXPECT_EQ(Decision("// +build\n\npackage main"), "no");
  EXPECT_EQ(Decision("// +build !!linux\n\npackage main"), "no");
  EXPECT_EQ(Decision("// +build a-b\n\npackage main"), "no");
}

TEST(CgoConditionTest, HasBothForms) {
  EXPECT_TRUE(CgoConditionHolds("linux,amd64", Amd64()));
  EXPECT_FALSE(CgoConditionHolds("!linux", Amd64()));
  EXPECT_TRUE(CgoConditionHolds("linux&&(amd64||arm64)", Amd64()));
  EXPECT_FALSE(CgoConditionHolds("linux&&", Amd64()));
}

}  // namespace
}  // namespace gofarm::gomod
