// Real files made by gcc, each wrong in one way, and files that are damaged on purpose.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <random>

#include "common/elf/gate.h"
#include "common/vocab/target.h"
#include "tests/unit/elf/elf_fixture.h"

namespace gofarm::elf {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// What a good file is made with; each test leaves out or adds one thing.
constexpr char kGood[] = "-static-pie -fPIE -s -Wl,--build-id=none -Wl,-z,relro,-z,now -Wl,-z,noexecstack";

class GateTest : public testing::Test {
 protected:
  static GateExpectations Native() {
#if defined(__x86_64__)
    return For(Target::kX86_64);
#else
    return For(Target::kAarch64);
#endif
  }
  static GateExpectations For(Target target) { return {InfoOf(target).elf_machine, std::string(TargetName(target))}; }
  std::vector<std::string> Reasons(const std::string& path, const GateExpectations& expectations = Native()) {
    const auto report = Gate(path, expectations);
    EXPECT_TRUE(report.ok()) << report.status();
    return report.ok() ? report->reasons : std::vector<std::string>{"unreadable"};
  }
  std::vector<std::string> ReasonsOf(std::string_view bytes) { return Reasons(scratch_.Write("file", bytes)); }

  Scratch scratch_;
};

TEST_F(GateTest, AStaticPieWithoutSymbolsAndBuildIdPasses) {
  EXPECT_THAT(Reasons(Compile(scratch_, "good", kGood)), IsEmpty());
}

TEST_F(GateTest, ADynamicProgramHasAnInterpreterAndNeedsLibraries) {
  const auto reasons = Reasons(Compile(scratch_, "dynamic", "-pie -fPIE -s -Wl,--build-id=none -Wl,-z,now"));
  EXPECT_THAT(reasons,
              ElementsAre(HasSubstr("has an interpreter (/lib"), HasSubstr("needs shared libraries (libc.so.6)")));
}

TEST_F(GateTest, AStaticProgramAtAFixedAddressIsNoPie) {
  const auto reasons = Reasons(Compile(scratch_, "fixed", "-static -no-pie -s -Wl,--build-id=none -Wl,-z,now"));
  EXPECT_THAT(reasons, testing::Contains(HasSubstr("EXEC")));
  EXPECT_THAT(reasons, testing::Contains(HasSubstr("no PIE flag")));
}

TEST_F(GateTest, ASharedLibraryIsNoProgram) {
  const auto reasons =
      Reasons(Compile(scratch_, "library", "-shared -fPIC -nostdlib -s -Wl,--build-id=none -Wl,-z,now"));
  EXPECT_THAT(reasons, testing::Contains(HasSubstr("no PIE flag")));
}

TEST_F(GateTest, SymbolsAreRefused) {
  const std::string flags = "-static-pie -fPIE -Wl,--build-id=none -Wl,-z,relro,-z,now";
  EXPECT_THAT(Reasons(Compile(scratch_, "symbols", flags)), ElementsAre(HasSubstr("not stripped")));
}

TEST_F(GateTest, ABuildIdIsRefused) {
  const std::string flags = "-static-pie -fPIE -s -Wl,--build-id=sha1 -Wl,-z,relro,-z,now";
  EXPECT_THAT(Reasons(Compile(scratch_, "id", flags)), ElementsAre(HasSubstr("GNU build id")));
}

TEST_F(GateTest, AnExecutableStackIsRefused) {
  const std::string flags = std::string(kGood) + " -Wl,-z,execstack";
  EXPECT_THAT(Reasons(Compile(scratch_, "stack", flags)), ElementsAre(HasSubstr("executable stack")));
}

TEST_F(GateTest, MissingRelroIsRefused) {
  const std::string flags = "-static-pie -fPIE -s -Wl,--build-id=none -Wl,-z,norelro -Wl,-z,now";
  EXPECT_THAT(Reasons(Compile(scratch_, "norelro", flags)), ElementsAre(HasSubstr("RELRO")));
}

TEST_F(GateTest, LazyBindingIsRefused) {
  const std::string flags = "-static-pie -fPIE -s -Wl,--build-id=none -Wl,-z,relro -Wl,-z,lazy";
  EXPECT_THAT(Reasons(Compile(scratch_, "lazy", flags)), ElementsAre(HasSubstr("BIND_NOW")));
}

TEST_F(GateTest, AnotherMachineIsNamed) {
  EXPECT_THAT(Reasons(Compile(scratch_, "good", kGood), For(Target::kRiscv64)),
              ElementsAre(testing::AllOf(HasSubstr("is for "), HasSubstr("not riscv64"))));
}

TEST_F(GateTest, OtherClassesAndByteOrdersAreRefused) {
  std::string bytes = ReadAll(Compile(scratch_, "good", kGood));
  bytes[4] = 1;
  EXPECT_THAT(ReasonsOf(bytes), ElementsAre(HasSubstr("not a 64-bit")));
  bytes[4] = 2;
  bytes[5] = 2;
  EXPECT_THAT(ReasonsOf(bytes), ElementsAre(HasSubstr("not a little-endian")));
}

TEST_F(GateTest, WhatIsNoElfFileIsRefusedInWords) {
  EXPECT_THAT(ReasonsOf(""), ElementsAre(HasSubstr("not an ELF file")));
  EXPECT_THAT(ReasonsOf("#!/bin/sh\nexit 0\n"), ElementsAre(HasSubstr("not an ELF file")));
  EXPECT_THAT(ReasonsOf("\x7f"
                        "ELF"),
              ElementsAre(HasSubstr("ends inside its header")));
}

TEST_F(GateTest, LinksFoldersAndPipesAreRefused) {
  const std::string good = Compile(scratch_, "good", kGood);
  const std::string link = scratch_.Path("link");
  ASSERT_EQ(::symlink(good.c_str(), link.c_str()), 0);
  EXPECT_THAT(Reasons(link), ElementsAre(HasSubstr("symbolic link")));
  const std::string pipe = scratch_.Path("pipe");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THAT(Reasons(pipe), ElementsAre(HasSubstr("not a regular file")));
  EXPECT_THAT(Reasons(scratch_.Path("")), ElementsAre(HasSubstr("not a regular file")));
}

TEST_F(GateTest, AMissingFileIsAnErrorAndNoVerdict) {
  EXPECT_EQ(Gate("/nowhere/at-all", Native()).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(GateTest, AFileCutAnywhereIsRefused) {
  const std::string bytes = ReadAll(Compile(scratch_, "good", kGood));
  for (size_t size = 0; size < 4096; size += 7) {
    const auto file = ElfFile::Parse(std::string_view(bytes).substr(0, size));
    EXPECT_FALSE(file.ok()) << "cut at " << size;
  }
  for (size_t size = 4096; size < bytes.size(); size += 4093) {
    // Section headers stand at the end, so they are always missing.
    EXPECT_FALSE(ElfFile::Parse(std::string_view(bytes).substr(0, size)).ok()) << "cut at " << size;
  }
}

// A heap copy of exactly the file's size: under ASan one byte read beyond it ends the test.
TEST_F(GateTest, FilesWithRandomHeadersAreReadWithinTheirBounds) {
  const std::string bytes = ReadAll(Compile(scratch_, "good", kGood));
  const auto seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  size_t read = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string damaged = bytes.substr(0, 64 + random() % (round % 2 == 0 ? 4096 : bytes.size()));
    const size_t header_end = std::min<size_t>(damaged.size(), 64 + 56 * 12);
    const size_t changes = 1 + random() % 8;
    for (size_t i = 0; i < changes; ++i) {
      damaged[16 + random() % (header_end - 16)] = static_cast<char>(random() % 4 == 0 ? 0xff : random());
    }
    const auto file = ElfFile::Parse(damaged);
    if (!file.ok()) continue;
    ++read;
    GateFile(*file, Native());
    for (const Section& section : file->sections()) (void)file->SectionBytes(section);
  }
  // With every byte random nothing gets past the header.
  for (int round = 0; round < 200; ++round) {
    std::string noise(random() % 5000, '\0');
    for (char& c : noise) c = static_cast<char>(random());
    EXPECT_FALSE(ElfFile::Parse(noise).ok());
  }
  RecordProperty("damaged_files_that_could_be_read", static_cast<int>(read));
}

}  // namespace
}  // namespace gofarm::elf
