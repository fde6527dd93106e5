#include "cli/install/place.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/text.h"
#include "common/digest/digest.h"
#include "tests/unit/cli_install/fixture.h"

namespace gofarm::install {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class PlaceTest : public InstallFixture {};

TEST(ProgramFolderTest, ByFlagEnvironmentAndHome) {
  EXPECT_EQ(ProgramFolder("/a/b/", "/e", "/home/ann", "/w").value(), "/a/b");
  EXPECT_EQ(ProgramFolder("", "/e", "/home/ann", "/w").value(), "/e");
  EXPECT_EQ(ProgramFolder("", "", "/home/ann", "/w").value(), "/home/ann/.local/bin");
  EXPECT_EQ(ProgramFolder("bin", "", "", "/w").value(), "/w/bin");
  EXPECT_TRUE(absl::IsInvalidArgument(ProgramFolder("", "", "", "/w").status()));
}

TEST_F(PlaceTest, WhatIsInstalledIsListedByItsState) {
  EXPECT_THAT(ListInstalled(Path("bin")).value(), IsEmpty());
  index_.Publish("v1.0.0", ProgramBytes(5), "e.org/a", "a", "e.org/a");
  index_.Publish("v1.0.0", ProgramBytes(6), "e.org/b", "b", "e.org/b");
  for (const char* address : {"e.org/a", "e.org/b", "github.com/rakyll/hey"}) {
    ASSERT_TRUE(InstallAddress(address).ok()) << address;
  }
  Write("bin/a", "changed");
  std::filesystem::remove(Path("bin/b"));
  Write("bin/.gofarm/other", "no note");
  Write("bin/.gofarm/.part-x", "half");
  const std::vector<Installed> programs = ListInstalled(Path("bin")).value();
  ASSERT_EQ(programs.size(), 3u);
  EXPECT_EQ(Cat(programs[0].name, NameOf(programs[0].state)), "achanged");
  EXPECT_EQ(Cat(programs[1].name, NameOf(programs[1].state)), "bmissing");
  EXPECT_EQ(Cat(programs[2].name, NameOf(programs[2].state)), "heyok");
  EXPECT_EQ(programs[2].note.version, "v0.1.5");
}

TEST_F(PlaceTest, OnlyWhatWasInstalledIsRemoved) {
  const Place place{.folder = Path("bin"), .name = "hey"};
  EXPECT_TRUE(absl::IsNotFound(Remove(place, false)));
  Write("bin/hey", "somebody's own");
  EXPECT_TRUE(absl::IsNotFound(Remove(place, true)));
  EXPECT_EQ(Read("bin/hey"), "somebody's own");
  std::filesystem::remove(Path("bin/hey"));
  ASSERT_TRUE(InstallAddress("github.com/rakyll/hey").ok());
  Write("bin/hey", "changed since");
  EXPECT_TRUE(absl::IsFailedPrecondition(Remove(place, false)));
  EXPECT_EQ(Read("bin/hey"), "changed since");
  EXPECT_TRUE(Remove(place, true).ok());
  EXPECT_THAT(Files(), IsEmpty());
  ASSERT_TRUE(InstallAddress("github.com/rakyll/hey").ok());
  EXPECT_TRUE(Remove(place, false).ok());
  EXPECT_THAT(Files(), IsEmpty());
  ASSERT_TRUE(InstallAddress("github.com/rakyll/hey").ok());
  std::filesystem::remove(Path("bin/hey"));
  EXPECT_TRUE(Remove(place, false).ok());
  EXPECT_THAT(Files(), IsEmpty());
}

TEST_F(PlaceTest, OneProcessAtATimeDownloadsAProgram) {
  const Place place{.folder = Path("bin"), .name = "hey"};
  const auto part = Prepare(place, digest::Sha256Hex(bytes_));
  ASSERT_TRUE(part.ok());
  EXPECT_TRUE(absl::IsUnavailable(InstallAddress("github.com/rakyll/hey").status()));
}

TEST_F(PlaceTest, WhenTheProgramCannotBePutThereTheOldNoteIsBack) {
  ASSERT_TRUE(InstallAddress("github.com/rakyll/hey").ok());
  const std::string note = Read("bin/.gofarm/hey");
  const Place place{.folder = Path("bin"), .name = "hey"};
  const Occupant before = LookAt(place).value();
  auto part = Prepare(place, std::string(64, 'c'));
  ASSERT_TRUE(part.ok());
  std::filesystem::remove(Path("bin/hey"));
  std::filesystem::create_directories(Path("bin/hey/x"));
  EXPECT_FALSE(Put(place, *part, {.sha256 = std::string(64, 'c')}, before).ok());
  EXPECT_EQ(Read("bin/.gofarm/hey"), note);
}

}  // namespace
}  // namespace gofarm::install
