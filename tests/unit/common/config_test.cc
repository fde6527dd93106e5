#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "common/base/text.h"
#include "common/config/table.h"
#include "common/config/toolsets.h"

namespace gofarm::config {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(TableTest, GivesValuesOfAllKindsAndDefaultsForWhatIsNotThere) {
  Table t = Table::Parse(R"(
name = "w"
slots = 3
fast = true
wait = "1m30s"
silence = 5.5
memory = "6 GiB"
targets = ["x86_64", "riscv64"]
)",
                         "test.toml");
  EXPECT_EQ(t.Str("name", ""), "w");
  EXPECT_EQ(t.Str("absent", "d"), "d");
  EXPECT_EQ(t.Int("slots", 1, 1, 64), 3);
  EXPECT_TRUE(t.Bool("fast", false));
  EXPECT_EQ(t.Duration("wait", {}, absl::ZeroDuration(), absl::Hours(1)), absl::Seconds(90));
  EXPECT_EQ(t.Duration("silence", {}, absl::ZeroDuration(), absl::Hours(1)), absl::Milliseconds(5500));
  EXPECT_EQ(t.Bytes("memory", 0, 0, int64_t{1} << 40), int64_t{6} << 30);
  EXPECT_THAT(t.StrList("targets", {}), ::testing::ElementsAre("x86_64", "riscv64"));
  EXPECT_TRUE(t.Finish().ok()) << t.Finish();
}

TEST(TableTest, NamesEveryFaultAtOnceWithItsLine) {
  Table t = Table::Parse("a = 1\nno_such_key = 1\nslots = 900\nname = 7\n", "f.toml");
  t.Int("a", 0, 0, 9);
  t.Int("slots", 1, 1, 64);
  t.Str("name", "");
  t.Fault("a", "does not fit slots");
  const absl::Status status = t.Finish();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("f.toml:2: unknown key no_such_key"),
                    HasSubstr("f.toml:3: slots must be a whole number from 1 to 64"),
                    HasSubstr("f.toml:4: name must be text"), HasSubstr("f.toml:1: a: does not fit slots")));
}

TEST(TableTest, UnknownKeysInsideListedTablesAreFoundToo) {
  Table t = Table::Parse("[[archive]]\nkind = \"go\"\n[[archive]]\nknid = \"zig\"\n", "f.toml");
  {
    std::vector<Table> archives = t.Tables("archive");
    ASSERT_EQ(archives.size(), 2u);
    EXPECT_EQ(archives[0].Str("kind", ""), "go");
    EXPECT_EQ(archives[1].Str("kind", ""), "");
  }
  EXPECT_THAT(std::string(t.Finish().message()), HasSubstr("f.toml:4: unknown key archive.knid"));
}

TEST(TableTest, SyntaxErrorsAndMissingFilesAreFaultsOfFinish) {
  EXPECT_THAT(std::string(Table::Parse("a = = 1", "f.toml").Finish().message()), HasSubstr("f.toml:1:"));
  EXPECT_THAT(std::string(Table::Load("/nonexistent/x.toml").Finish().message()),
              HasSubstr("/nonexistent/x.toml: configuration file cannot be opened"));
}

TEST(ParseBytesTest, TakesUnitsAndRefusesTheRest) {
  EXPECT_EQ(*ParseBytes("512 MiB"), int64_t{512} << 20);
  EXPECT_EQ(*ParseBytes("17"), 17);
  for (const char* bad : {"", "MiB", "-1", "1 MB", "999999999999 TiB"}) EXPECT_FALSE(ParseBytes(bad).ok()) << bad;
}

TEST(CheckNamesFileTest, AnAddressIsNoFileAndIsNotRepeated) {
  EXPECT_TRUE(CheckNamesFile("").ok());
  EXPECT_TRUE(CheckNamesFile("/etc/gofarm/url:1").ok());
  for (const char* const address : {"https://example.org/secret", "/home/me/https:/example.org/secret"}) {
    const absl::Status status = CheckNamesFile(address);
    EXPECT_TRUE(absl::IsInvalidArgument(status));
    EXPECT_EQ(std::string(status.message()).find("secret"), std::string::npos);
  }
}

TEST(OverlayTest, FlagBeatsEnvironmentBeatsFile) {
  ::setenv("GOFARM_TEST_OVERLAY", "env", 1);
  EXPECT_EQ(Overlay("flag", "GOFARM_TEST_OVERLAY", "file"), "flag");
  EXPECT_EQ(Overlay("", "GOFARM_TEST_OVERLAY", "file"), "env");
  ::unsetenv("GOFARM_TEST_OVERLAY");
  EXPECT_EQ(Overlay("", "GOFARM_TEST_OVERLAY", "file"), "file");
}

TEST(ToolsetsTest, TheBuiltInFileIsGood) {
  const absl::StatusOr<ToolsetFile> file = BuiltInToolsets();
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_EQ(file->toolsets.size(), 1u);
  EXPECT_EQ(file->toolsets[0].zig_version, "0.15.2");
  EXPECT_THAT(file->toolsets[0].archives, ::testing::SizeIs(4));
  EXPECT_THAT(file->bootstrap, ::testing::SizeIs(2));
}

TEST(ToolsetsTest, FaultsOfAToolsetAreNamedTogether) {
  const absl::StatusOr<ToolsetFile> file = ReadToolsets(Table::Parse(R"(
[[toolset]]
name = "../x"
go_versions = ["1.26.8"]
zig_version = "0.15.2"
[[toolset.archive]]
kind = "gcc"
version = "1"
host_arch = "x86_64"
source = "ftp"
locator = "--index-url=x"
sha256 = "00"
)",
                                                                     "t.toml"));
  EXPECT_THAT(std::string(file.status().message()),
              AllOf(HasSubstr("toolset.name"), HasSubstr("no archive for Go 1.26.8"), HasSubstr("toolset.archive.kind"),
                    HasSubstr("toolset.archive.source"), HasSubstr("toolset.archive.locator"),
                    HasSubstr("toolset.archive.sha256")));
}

TEST(ToolsetsTest, AnArchiveStandsInAToolsetOnce) {
  const auto archive = [](std::string_view kind, std::string_view host_arch, char digit) {
    return Cat("[[toolset.archive]]\nkind = \"", kind, "\"\nversion = \"1.2.3\"\nhost_arch = \"", host_arch,
               "\"\nsource = \"folder\"\nlocator = \"/x\"\nsha256 = \"", std::string(64, digit), "\"\n");
  };
  const std::string head = "[[toolset]]\nname = \"t\"\ngo_versions = [\"1.2.3\"]\nzig_version = \"1.2.3\"\n";
  const auto read = [&](const std::string& archives) {
    return ReadToolsets(Table::Parse(head + archives, "t.toml")).status();
  };
  const std::string both = archive("go", "x86_64", '1') + archive("zig", "x86_64", '2');
  EXPECT_TRUE(read(both + archive("go", "riscv64", '3')).ok());
  EXPECT_THAT(std::string(read(both + archive("go", "x86_64", '3')).message()),
              HasSubstr("go 1.2.3 for x86_64 hosts stands here twice"));
}

}  // namespace
}  // namespace gofarm::config
