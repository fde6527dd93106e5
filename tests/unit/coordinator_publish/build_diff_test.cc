// What is told of two executables that should be the same.
#include "coordinator/publish/build_diff.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/text.h"
#include "common/elf/elf_file.h"
#include "tests/unit/elf/elf_fixture.h"

namespace gofarm::publish {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class BuildDiffTest : public ::testing::Test {
 protected:
  BuildDiff Diff(const std::string& first, const std::string& second) {
    const absl::StatusOr<BuildDiff> diff =
        DiffBuilds("example.com/m@v1.0.0 for x86_64",
                   {.title = "job 1 on worker a", .sha256 = "1111", .go_version = "go1.26.8", .path = first},
                   {.title = "job 2 on worker b", .sha256 = "2222", .go_version = "", .path = second});
    EXPECT_TRUE(diff.ok()) << diff.status();
    return diff.value_or(BuildDiff());
  }
  const elf::Scratch scratch_;
};

TEST_F(BuildDiffTest, OneFlippedByteIsFoundInItsSection) {
  const std::string first = elf::Compile(scratch_, "first", "-O1");
  const auto file = elf::ElfFile::Open(first);
  ASSERT_TRUE(file.ok()) << file.status();
  const elf::Section* const text = file->FindSection(".text");
  ASSERT_NE(text, nullptr);
  std::string bytes = elf::ReadAll(first);
  bytes[text->offset + 5] = static_cast<char>(bytes[text->offset + 5] ^ 1);
  const BuildDiff diff = Diff(first, scratch_.Write("second", bytes));
  EXPECT_EQ(diff.summary, Cat("1 of ", bytes.size(), " bytes differ, the first difference is at 0x",
                              absl::StrCat(absl::Hex(text->offset + 5)), " in .text; 1 section differs"));
  EXPECT_THAT(diff.report, StartsWith("example.com/m@v1.0.0 for x86_64: the rebuild differs\n"));
  EXPECT_THAT(diff.report,
              HasSubstr(Cat("first build: job 1 on worker a, ", bytes.size(), " bytes, sha256 1111, go1.26.8")));
  EXPECT_THAT(diff.report, HasSubstr("rebuild:     job 2 on worker b, "));
  EXPECT_THAT(diff.report, HasSubstr("Go not known"));
  EXPECT_THAT(diff.report, HasSubstr("  .text: "));
  EXPECT_THAT(diff.report, HasSubstr("differ from 0x5 of the section on\n"));
  EXPECT_THAT(diff.report, Not(HasSubstr(".rodata:")));
  EXPECT_EQ(diff.report.back(), '\n');
}

TEST_F(BuildDiffTest, SectionsThatOnlyOneOfBothHasAreNamed) {
  const BuildDiff diff = Diff(elf::Compile(scratch_, "first", "-O1 -g"), elf::Compile(scratch_, "second", "-O1 -s"));
  EXPECT_THAT(diff.report, HasSubstr(".debug_info: only in the first build, "));
  EXPECT_THAT(diff.summary, HasSubstr(" sections differ"));
  const BuildDiff other = Diff(elf::Compile(scratch_, "third", "-O1 -s"), elf::Compile(scratch_, "fourth", "-O1 -g"));
  EXPECT_THAT(other.report, HasSubstr(".debug_info: only in the rebuild, "));
}

TEST_F(BuildDiffTest, WhatIsNoElfIsComparedAsBytes) {
  const BuildDiff shorter = Diff(scratch_.Write("a", "abc"), scratch_.Write("b", "abcd"));
  EXPECT_EQ(shorter.summary, "3 bytes and 4 bytes, the first difference is at 0x3");
  EXPECT_THAT(shorter.report, HasSubstr("no sections are compared: "));
  EXPECT_EQ(Diff(scratch_.Write("c", "same"), scratch_.Write("d", "same")).summary,
            "the files are the same, only what was reported of them differs");
  // Beyond one piece of what is read at once.
  std::string large(3 << 20, 'x');
  const std::string first = scratch_.Write("e", large);
  large[(2 << 20) + 7] = 'y';
  EXPECT_EQ(Diff(first, scratch_.Write("f", large)).summary,
            "1 of 3145728 bytes differ, the first difference is at 0x200007");
}

TEST_F(BuildDiffTest, AHostileFileNeitherFloodsTheReportNorATerminal) {
  // More sections than are listed, whose names are controls.
  std::string asm_text;
  for (size_t i = 0; i < kDiffSectionsMax + 20; ++i)
    asm_text += Cat(R"(asm(".section \"bad\033[31m)", i, R"(\"\n.byte 1\n");)", "\n");
  const std::string source = scratch_.Write("many.c", asm_text + "int main(void){return 0;}\n");
  ASSERT_TRUE(elf::RunShell(Cat("gcc -c -o ", scratch_.Path("many.o"), " ", source)));
  const BuildDiff diff = Diff(scratch_.Path("many.o"), elf::Compile(scratch_, "plain", "-O1"));
  EXPECT_LE(diff.report.size(), kDiffBytesMax);
  EXPECT_LE(diff.summary.size(), kDiffSummaryMax);
  EXPECT_THAT(diff.report, Not(HasSubstr("\033")));
  EXPECT_THAT(diff.report, AllOf(HasSubstr("\\x1b"), HasSubstr(" more\n")));
}

TEST_F(BuildDiffTest, AFileThatIsNotThereIsAnError) {
  const auto gone = DiffBuilds("m", {.path = scratch_.Path("gone")}, {.path = scratch_.Write("a", "a")});
  EXPECT_TRUE(absl::IsNotFound(gone.status())) << gone.status();
}

}  // namespace
}  // namespace gofarm::publish
