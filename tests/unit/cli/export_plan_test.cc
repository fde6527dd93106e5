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

TEST(ExportPlanTest, NoNameLeadsOutOfTheFolder) {
  for (const char* evil : {"../../../etc/cron.d/x", "/etc/passwd", "..", ".", "", "a/../../b", "x\n0000  y", "\x1b[31m",
                           ".bashrc", "a//b", "\\..\\x"}) {
    ExportItem item = Item(evil, evil, evil);
    item.version = evil;
    item.target = evil;
    for (const ExportFile& file : PlanExport({item})) {
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
