#include "cli/export_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "common/base/text.h"

namespace gofarm::cli {
namespace {

using ::testing::ElementsAre;

ExportItem Item(std::string module, std::string import_path, std::string name) {
  return {.module = std::move(module),
          .version = "v1.0.0",
          .target = "riscv64",
          .name = std::move(name),
          .import_path = std::move(import_path),
          .sha256 = std::string(64, 'a')};
}
std::vector<std::string> Paths(const std::vector<ExportFile>& files) {
  std::vector<std::string> out;
  for (const ExportFile& file : files) out.push_back(file.path);
  return out;
}

TEST(ExportPlanTest, ProgramsStandUnderModuleVersionAndTarget) {
  EXPECT_THAT(Paths(PlanExport({Item("a.test/m", "a.test/m/cmd/x", "x"), Item("a.test/m", "a.test/m", "m")})),
              ElementsAre("a.test/m@v1.0.0/riscv64/m", "a.test/m@v1.0.0/riscv64/x"));
}

TEST(ExportPlanTest, ClashingNamesAreToldApartByTheirPackages) {
  EXPECT_THAT(Paths(PlanExport({Item("a.test/m", "a.test/m/grpc/plugin", "plugin"),
                                Item("a.test/m", "a.test/m/basic/plugin", "plugin"),
                                Item("a.test/m", "a.test/m/other", "other")})),
              ElementsAre("a.test/m@v1.0.0/riscv64/basic_plugin", "a.test/m@v1.0.0/riscv64/grpc_plugin",
                          "a.test/m@v1.0.0/riscv64/other"));
}

TEST(ExportPlanTest, NamesThatStillClashAreNumbered) {
  EXPECT_THAT(Paths(PlanExport({Item("a.test/m", "a.test/m/a/b_c", "x"), Item("a.test/m", "a.test/m/a_b/c", "x"),
                                Item("a.test/m", "a.test/m/a_b_c", "a_b_c")})),
              ElementsAre("a.test/m@v1.0.0/riscv64/a_b_c", "a.test/m@v1.0.0/riscv64/a_b_c-2",
                          "a.test/m@v1.0.0/riscv64/a_b_c-3"));
}

TEST(ExportPlanTest, OfTwoJobsForOneProgramTheNewerCounts) {
  ExportItem old = Item("a.test/m", "a.test/m", "m");
  old.job_id = 3;
  ExportItem fresh = old;
  fresh.job_id = 9;
  fresh.sha256 = std::string(64, 'b');
  const std::vector<ExportFile> files = PlanExport({fresh, old});
  ASSERT_EQ(files.size(), 1u);
  EXPECT_EQ(files[0].item.job_id, 9);
}

// A file that was made with the program of `import_path`.
ExportItem Attached(std::string name, std::string kind, std::string import_path, int64_t job) {
  ExportItem item = Item("a.test/m", std::move(import_path), std::move(name));
  item.kind = std::move(kind);
  item.job_id = job;
  return item;
}

TEST(ExportPlanTest, WhatWasMadeWithAProgramStandsBesideItUnderItsOwnName) {
  ExportItem program = Item("a.test/m", "a.test/m/cmd/LICENSE", "LICENSE");
  program.job_id = 4;
  const std::vector<ExportFile> files =
      PlanExport({program}, {Attached("CHECKSUM", "checksums", "", 4), Attached("CHECKSUM.minisig", "signature", "", 4),
                             Attached("LICENSE", "licence", "", 4),
                             Attached("cmd_LICENSE", kExecutableKind, "a.test/m/cmd/LICENSE", 4),
                             Attached("cmd_LICENSE.json", "record", "a.test/m/cmd/LICENSE", 4)});
  EXPECT_THAT(Paths(files), ElementsAre("a.test/m@v1.0.0/riscv64/CHECKSUM", "a.test/m@v1.0.0/riscv64/CHECKSUM.minisig",
                                        "a.test/m@v1.0.0/riscv64/LICENSE", "a.test/m@v1.0.0/riscv64/cmd_LICENSE",
                                        "a.test/m@v1.0.0/riscv64/cmd_LICENSE.json"));
  for (const ExportFile& file : files) {
    EXPECT_EQ(file.item.Mode(), file.path == "a.test/m@v1.0.0/riscv64/cmd_LICENSE" ? 0755 : 0644) << file.path;
  }
}

TEST(ExportPlanTest, AProgramThatNothingIsToldOfIsExportedAllTheSame) {
  ExportItem told = Item("a.test/m", "a.test/m", "m"), untold = Item("a.test/m", "a.test/m/cmd/x", "x");
  told.job_id = untold.job_id = 4;
  // Likewise a file of that name with other bytes: it is no copy of the program.
  ExportItem other = Attached("m", kExecutableKind, "a.test/m", 4);
  other.sha256 = std::string(64, 'b');
  EXPECT_THAT(Paths(PlanExport({told, untold}, {Attached("m", kExecutableKind, "a.test/m", 4)})),
              ElementsAre("a.test/m@v1.0.0/riscv64/m", "a.test/m@v1.0.0/riscv64/x"));
  EXPECT_THAT(Paths(PlanExport({told}, {other})),
              ElementsAre("a.test/m@v1.0.0/riscv64/m", "a.test/m@v1.0.0/riscv64/m-2"));
}

TEST(ExportPlanTest, OneFolderIsOneJobWhichOfTheTwoHasMoreFiles) {
  const auto two = [](int64_t job) {
    ExportItem a = Item("a.test/m", "a.test/m", "m"), b = Item("a.test/m", "a.test/m/cmd/x", "x");
    a.job_id = b.job_id = job;
    return std::vector<ExportItem>{a, b};
  };
  std::vector<ExportItem> programs = two(3);
  programs.push_back(Item("a.test/m", "a.test/m", "m"));
  programs.back().job_id = 9;
  // The newer one was built without attachments: those of the older one belong to other bytes.
  for (const ExportFile& file : PlanExport(programs, {Attached("m.json", "record", "a.test/m", 3)})) {
    EXPECT_EQ(file.path, "a.test/m@v1.0.0/riscv64/m");
    EXPECT_EQ(file.item.job_id, 9);
  }
  const std::vector<ExportFile> newer =
      PlanExport(programs, {Attached("m.json", "record", "a.test/m", 3), Attached("m", kExecutableKind, "a.test/m", 9),
                            Attached("CHECKSUM", "checksums", "", 9)});
  EXPECT_THAT(Paths(newer), ElementsAre("a.test/m@v1.0.0/riscv64/CHECKSUM", "a.test/m@v1.0.0/riscv64/m"));
  // Another target is another folder.
  programs.back().target = "x86_64";
  EXPECT_EQ(PlanExport(programs).size(), 3u);
}

TEST(ExportPlanTest, NoNameLeadsOutOfTheFolder) {
  for (const char* evil : {"../../../etc/cron.d/x", "/etc/passwd", "..", ".", "", "a/../../b", "x\n0000  y", "\x1b[31m",
                           ".bashrc", "a//b", "\\..\\x"}) {
    ExportItem item = Item(evil, evil, evil);
    item.version = evil;
    item.target = evil;
    ExportItem attached = item;
    attached.kind = evil;
    const std::vector<ExportFile> files = PlanExport({item}, {attached, attached});
    EXPECT_EQ(files.size(), 3u) << evil;
    for (const ExportFile& file : files) {
      EXPECT_EQ(file.path.find('\n'), std::string::npos) << evil;
      EXPECT_NE(file.path[0], '/') << evil;
      for (const std::filesystem::path& element : std::filesystem::path(file.path)) {
        EXPECT_FALSE(element.empty()) << evil;
        EXPECT_NE(element.string()[0], '.') << evil << " gave " << file.path;
      }
    }
  }
}

TEST(ExportPlanTest, SumLinesAreWhatSha256sumReads) {
  const std::vector<ExportFile> files = PlanExport({Item("a.test/m", "a.test/m", "m")});
  EXPECT_EQ(SumLine(files[0]), Cat(std::string(64, 'a'), "  a.test/m@v1.0.0/riscv64/m\n"));
}

}  // namespace
}  // namespace gofarm::cli
