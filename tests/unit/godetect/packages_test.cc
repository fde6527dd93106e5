// What the detector tells of a module's packages.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "common/base/text.h"
#include "common/godetect/detect.h"
#include "common/godetect/package_maker.h"
#include "tests/unit/godetect/memory_source.h"

namespace gofarm::godetect {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using Files = std::map<std::string, std::string>;

constexpr char kMain[] = "package main\n\nfunc main() {}\n";

Detection Found(testing::MemorySource& source, const std::string& module = "a.test/m") {
  OwnProcessParser parser;
  const absl::StatusOr<Detection> found = Detect(Scope::For(absl::Minutes(1)), source, parser,
                                                 {.module = module, .go_version = "1.26.8", .packages = true});
  EXPECT_TRUE(found.ok()) << found.status();
  return found.ok() ? *found : Detection{};
}
ModulePackages PackagesIn(Files files, const std::string& module = "a.test/m") {
  files.try_emplace("go.mod", "module a.test/m\n");
  testing::MemorySource source(std::move(files));
  return Found(source, module).packages;
}
std::vector<std::string> Dirs(const ModulePackages& packages) {
  std::vector<std::string> dirs;
  for (const ModulePackage& package : packages.packages) dirs.push_back(package.dir);
  return dirs;
}

TEST(PackagesTest, TellWhatTheyAskForAndWhatTheyImport) {
  const ModulePackages packages =
      PackagesIn({{"pcap/p.go", "package pcap\n// #cgo LDFLAGS: -lpcap\nimport \"C\"\nimport _ \"a.test/m/in\"\n"},
                  {"in/in.go", "package in\nimport (\n\t\"fmt\"\n\t_ \"x.test/y\"\n\t_ \"a.test/m/plain\"\n)\n"},
                  {"plain/a.go", "package plain\nimport \"os\"\n"},
                  {"plain/a_test.go", "package plain\nimport _ \"x.test/only/tests\"\n"}});
  EXPECT_TRUE(packages.whole());
  EXPECT_THAT(packages.imports, ElementsAre("x.test/y"));
  ASSERT_THAT(Dirs(packages), ElementsAre("in", "pcap", "plain"));
  ASSERT_THAT(packages.packages[0].parts, SizeIs(1));
  EXPECT_THAT(packages.packages[0].parts[0].imports, ElementsAre(0));
  EXPECT_THAT(packages.packages[0].parts[0].own, IsEmpty()) << "plain says nothing";
  ASSERT_THAT(packages.packages[1].parts, SizeIs(1));
  EXPECT_EQ(packages.packages[1].parts[0].need, "library pcap");
  EXPECT_THAT(packages.packages[1].parts[0].own, ElementsAre(0));
  EXPECT_THAT(packages.packages[2].parts, IsEmpty());
}

TEST(PackagesTest, TargetsAreToldApart) {
  const ModulePackages packages = PackagesIn({{"asm/asm_amd64.go", "package asm\n"},
                                              {"win/win.go", "//go:build windows\n\npackage win\n"},
                                              {"win2/w_windows.go", "package win2\n"}});
  ASSERT_THAT(Dirs(packages), ElementsAre("asm", "win", "win2"));
  ASSERT_THAT(packages.packages[0].parts, SizeIs(2));
  EXPECT_EQ(packages.packages[0].parts[0].targets, TargetBit(Target::kX86_64));
  EXPECT_EQ(packages.packages[0].parts[0].excluded, "");
  EXPECT_EQ(packages.packages[0].parts[1].targets, kAllTargetBits & ~TargetBit(Target::kX86_64));
  EXPECT_THAT(packages.packages[0].parts[1].excluded, HasSubstr("a.test/m/asm no file"));
  for (const size_t i : {1, 2}) {
    ASSERT_THAT(packages.packages[i].parts, SizeIs(1));
    EXPECT_EQ(packages.packages[i].parts[0].targets, kAllTargetBits);
    EXPECT_THAT(packages.packages[i].parts[0].excluded, HasSubstr("no file for this target"));
  }
}

TEST(PackagesTest, ProgramsAndWhatGoPassesOverAreNoPackages) {
  EXPECT_THAT(Dirs(PackagesIn({{"main.go", kMain},
                               {"lib/a.go", "package lib\n"},
                               {"lib/testdata/a.go", "package t\n"},
                               {"_x/a.go", "package x\n"},
                               {"only/a_test.go", "package only\n"}})),
              ElementsAre("lib"));
}

TEST(PackagesTest, InternalPackagesAreToldOfWhenOthersLeadToThem) {
  EXPECT_THAT(Dirs(PackagesIn({{"main.go", "package main\nimport _ \"a.test/m/internal/cmd\"\nfunc main() {}\n"},
                               {"lib/a.go", "package lib\nimport _ \"a.test/m/internal/x\"\n"},
                               {"internal/x/a.go", "package x\nimport _ \"a.test/m/internal/y\"\n"},
                               {"internal/y/a.go", "package y\n"},
                               {"internal/cmd/a.go", "package cmd\n"},
                               {"lib/internal/a.go", "package internal\n"}})),
              ElementsAre("internal/x", "internal/y", "lib"));
}

TEST(PackagesTest, AModuleThatDeclaresAnotherPathCannotBeImported) {
  const ModulePackages packages = PackagesIn({{"go.mod", "module b.test/real\n"}, {"a.go", "package a\n"}});
  EXPECT_THAT(packages.packages, IsEmpty());
  EXPECT_FALSE(packages.whole());
}

TEST(PackagesTest, AreNotLookedForUnlessAskedFor) {
  testing::MemorySource source({{"go.mod", "module a.test/m\n"}, {"a.go", "package a\n"}, {"b.go", "package a\n"}});
  OwnProcessParser parser;
  const auto found = Detect(Scope::For(absl::Minutes(1)), source, parser, {.module = "a.test/m"});
  EXPECT_THAT(found->packages.packages, IsEmpty());
  EXPECT_THAT(source.heads, Not(Contains("b.go")));
}

// A large module far away: a program, and packages beside it.
TEST(PackagesTest, OfAModuleThatIsReadByRangesOnlyAShareIsRead) {
  Files files = {{"go.mod", "module a.test/m\n"}, {"main.go", Cat(kMain, std::string(9'000, '\n'))}};
  for (int i = 0; i < 40; ++i) {
    const std::string dir = Cat(i < 20 ? "near" : "far/down", i, "/");
    files[dir + "a.go"] = Cat("package p\nvar a = 1\n", std::string(9'000, '\n'));
    files[dir + "b.go"] = Cat("package p\nimport _ \"x.test/y\"\nvar b = 1\n", std::string(9'000, '\n'));
  }
  testing::MemorySource source(files);
  source.far_away = kPackagesShare * 10 * kHeadBytes;
  const int rounds = [&] {
    testing::MemorySource alone(files);
    OwnProcessParser parser;
    EXPECT_TRUE(Detect(Scope::For(absl::Minutes(1)), alone, parser, {.module = "a.test/m"}).ok());
    return alone.rounds;
  }();
  const Detection found = Found(source);
  EXPECT_THAT(found.programs, SizeIs(1));
  EXPECT_THAT(found.packages.packages, SizeIs(10));
  EXPECT_THAT(Dirs(found.packages), Contains("near0"));
  EXPECT_EQ(found.packages.unread, 30);
  EXPECT_EQ(source.rounds, rounds) << "they come along";
  testing::MemorySource here(files);
  EXPECT_TRUE(Found(here).packages.whole());
}

TEST(PackagesTest, LongHeadersAreReadToTheirEnd) {
  const std::string preamble =
      Cat("package p\n/*\n", std::string(9'000, 'x'), "\n#cgo LDFLAGS: -lz\n*/\nimport \"C\"\n");
  const ModulePackages packages = PackagesIn({{"p/p.go", preamble}, {"main.go", kMain}});
  ASSERT_THAT(Dirs(packages), ElementsAre("p"));
  ASSERT_THAT(packages.packages[0].parts, SizeIs(1));
  EXPECT_EQ(packages.packages[0].parts[0].need, "library z");
}

TEST(PackagesTest, WhatHasNoRoomIsCutAndCountedAndWhatDecidesStays) {
  Files files = {{"z/z.go", "package z\n// #cgo LDFLAGS: -lz\nimport \"C\"\n"},
                 {"user/u.go", "package user\nimport _ \"a.test/m/p4050\"\n"}};
  for (int i = 0; i < 4100; ++i) files[Cat("p", i, "/a.go")] = "package p\n";
  const ModulePackages packages = PackagesIn(files);
  EXPECT_EQ(packages.packages.size(), kModulePackagesMax);
  EXPECT_EQ(packages.cut, 102);
  EXPECT_FALSE(packages.whole());
  EXPECT_THAT(Dirs(packages), Contains("z"));
  files.clear();
  for (int i = 0; i < 100; ++i) {
    files[Cat("p", i, "/a.go")] = Cat("package p\nimport _ \"x.test/", std::string(4'000, 'y'), i, "\"\n");
  }
  const ModulePackages wide = PackagesIn(files);
  EXPECT_GT(wide.cut, 30);
  EXPECT_LT(ToJson(wide).size(), 2 * kModulePackagesBytesMax);
}

}  // namespace
}  // namespace gofarm::godetect
