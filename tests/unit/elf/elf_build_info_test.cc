// Build info of programs that the real Go made, and of bytes made to mislead the reader.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "common/elf/build_info.h"
#include "tests/unit/elf/elf_fixture.h"

namespace gofarm::elf {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Pair;

std::string GoProgram() {
  const char* given = std::getenv("GOFARM_TEST_GO");
  return given != nullptr && *given != '\0' ? given : "go";
}

// A module with one replaced dependency in a folder, so nothing is downloaded. Go compiles its standard library for it,
// so it is built once for all tests.
std::string BuildModule(const Scratch& scratch) {
  scratch.Write(
      "m/go.mod",
      "module example.com/tool\n\ngo 1.21\n\nrequire example.com/dep v1.2.3\n\nreplace example.com/dep => ../dep\n");
  scratch.Write("m/main.go", "package main\n\nimport \"example.com/dep\"\n\nfunc main() { println(dep.Name) }\n");
  scratch.Write("dep/go.mod", "module example.com/dep\n\ngo 1.21\n");
  scratch.Write("dep/dep.go", "package dep\n\nconst Name = \"dep\"\n");
  RunShell(
      "cd " + scratch.Path("m") +
      " && GOFLAGS= GOENV=off GOPROXY=off GOTOOLCHAIN=local GOWORK=off CGO_ENABLED=0 GOCACHE=" + scratch.Path("cache") +
      " " + GoProgram() + " build -buildvcs=false -trimpath -ldflags '-s -w' -tags one,two -o ../tool .");
  return scratch.Path("tool");
}

class BuildInfoTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    scratch_ = new Scratch;
    program_ = new std::string(BuildModule(*scratch_));
  }
  static void TearDownTestSuite() {
    delete scratch_;
    delete program_;
  }
  static inline const Scratch* scratch_ = nullptr;
  static inline const std::string* program_ = nullptr;
};

TEST_F(BuildInfoTest, ReadsWhatTheRealGoWrote) {
  const auto info = ReadBuildInfo(*program_);
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_THAT(info->go_version, testing::StartsWith("go1."));
  EXPECT_EQ(info->package_path, "example.com/tool");
  EXPECT_EQ(info->main.path, "example.com/tool");
  EXPECT_EQ(info->main.version, "(devel)");
  ASSERT_EQ(info->dependencies.size(), 1u);
  EXPECT_EQ(info->dependencies[0].module.path, "example.com/dep");
  EXPECT_EQ(info->dependencies[0].module.version, "v1.2.3");
  EXPECT_EQ(info->dependencies[0].replacement.path, "../dep");
  EXPECT_THAT(info->settings, Contains(Pair("-trimpath", "true")));
  EXPECT_THAT(info->settings, Contains(Pair("-tags", "one,two")));
  EXPECT_THAT(info->settings, Contains(Pair("CGO_ENABLED", "0")));
  EXPECT_THAT(info->text, HasSubstr("path\texample.com/tool\n"));
}

TEST_F(BuildInfoTest, FindsItWithoutSectionHeaders) {
  std::string bytes = ReadAll(*program_);
  for (const size_t at : {40, 41, 42, 43, 44, 45, 46, 47, 60, 61}) bytes[at] = '\0';
  const auto file = ElfFile::Parse(bytes);
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE(file->sections().empty());
  const auto info = ReadBuildInfo(*file);
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->main.path, "example.com/tool");
}

TEST_F(BuildInfoTest, AProgramOfAnotherLanguageHasNone) {
  EXPECT_EQ(ReadBuildInfo(Compile(*scratch_, "c", "-O0")).status().code(), absl::StatusCode::kNotFound);
}

// Lengths stand in the file; each is made to lie in turn.
TEST_F(BuildInfoTest, LyingLengthsAreRefused) {
  const std::string bytes = ReadAll(*program_);
  const auto file = ElfFile::Parse(bytes);
  ASSERT_TRUE(file.ok()) << file.status();
  const Section* section = file->FindSection(".go.buildinfo");
  ASSERT_NE(section, nullptr);
  for (const std::string& length :
       {std::string("\xff\xff\xff\xff\x0f", 5), std::string("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 10),
        std::string("\xff\xff\x7f", 3)}) {
    std::string damaged = bytes;
    damaged.replace(section->offset + 32, length.size(), length);
    const auto read = ElfFile::Parse(damaged);
    ASSERT_TRUE(read.ok());
    EXPECT_EQ(ReadBuildInfo(*read).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST(BuildInfoTextTest, ReadsVersionsSumsAndReplacements) {
  const auto info = ParseBuildInfoText(
      "path\tfilippo.io/age/cmd/age\n"
      "mod\tfilippo.io/age\tv1.3.2\th1:main=\n"
      "dep\texample.com/a\tv1.0.0\th1:aaa=\n"
      "dep\texample.com/b\tv1.1.0\n"
      "=>\texample.com/c\tv1.2.0\th1:ccc=\n"
      "build\t-ldflags=\"-s -w -buildid= -linkmode=external -extldflags '-s -w -static-pie'\"\n"
      "build\tGOARCH=amd64\n"
      "news\tof a later Go\n");
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->main.version, "v1.3.2");
  EXPECT_EQ(info->main.h1, "h1:main=");
  ASSERT_EQ(info->dependencies.size(), 2u);
  EXPECT_EQ(info->dependencies[0].module.h1, "h1:aaa=");
  EXPECT_TRUE(info->dependencies[0].replacement.path.empty());
  EXPECT_EQ(info->dependencies[1].replacement.version, "v1.2.0");
  EXPECT_THAT(info->settings,
              Contains(Pair("-ldflags", "-s -w -buildid= -linkmode=external -extldflags '-s -w -static-pie'")));
}

TEST(BuildInfoTextTest, LinesThatCannotBeAreRefused) {
  for (const char* text : {"mod\tonly-a-path\n", "mod\ta\tb\tc\td\n", "=>\ta\tb\tc\n", "build\t=x\n", "build\t\"half\n",
                           "build\tkey=\"half\n"}) {
    EXPECT_EQ(ParseBuildInfoText(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

}  // namespace
}  // namespace gofarm::elf
