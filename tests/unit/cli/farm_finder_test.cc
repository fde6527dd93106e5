#include "cli/farm_finder.h"

#include <gtest/gtest.h>

#include <map>

namespace gofarm::cli {
namespace {

FinderInputs With(const std::map<std::string, std::string>& environment) {
  FinderInputs inputs{.config_path = "config.toml", .working_directory = "/work"};
  inputs.environment = [environment](const char* name) -> std::optional<std::string> {
    const auto it = environment.find(name);
    return it == environment.end() ? std::nullopt : std::optional(it->second);
  };
  return inputs;
}

std::string Found(const FinderInputs& inputs) {
  const absl::StatusOr<FarmChoice> choice = FindFarm(inputs);
  if (!choice.ok()) return "error";
  return choice->server.empty() ? "dir " + choice->dir : "server " + choice->server;
}

TEST(FarmFinderTest, EachPlaceIsAskedInItsOrder) {
  FinderInputs inputs = With({{"GOFARM_SERVER", "unix:/s1"}, {"GOFARM_DIR", "/env"}, {"HOME", "/home/ann"}});
  inputs.flags.server = "unix:/s2";
  inputs.flags.dir = "/flag";
  inputs.config_text = "dir = \"/config\"\n";
  EXPECT_EQ(Found(inputs), "server unix:/s2");
  inputs.flags.server.clear();
  EXPECT_EQ(Found(inputs), "dir /flag");
  inputs.flags.dir.clear();
  EXPECT_EQ(Found(inputs), "server unix:/s1");
  inputs.environment = With({{"GOFARM_SERVER", ""}, {"GOFARM_DIR", "/env"}, {"HOME", "/home/ann"}}).environment;
  EXPECT_EQ(Found(inputs), "dir /env");
  inputs.environment = With({{"GOFARM_DIR", ""}, {"HOME", "/home/ann"}}).environment;
  EXPECT_EQ(Found(inputs), "dir /config");
  inputs.config_text = "server = \"unix:/s3\"\ndir = \"/config\"\n";
  EXPECT_EQ(Found(inputs), "server unix:/s3");
  inputs.config_text.reset();
  EXPECT_EQ(Found(inputs), "dir /home/ann/.local/share/gofarm");
  inputs.environment = With({{"XDG_DATA_HOME", "/data"}, {"HOME", "/home/ann"}}).environment;
  EXPECT_EQ(Found(inputs), "dir /data/gofarm");
}

TEST(FarmFinderTest, TheLastLoginComesBeforeTheConfigFileAndAfterWhatIsNamed) {
  FinderInputs inputs = With({{"HOME", "/home/ann"}});
  inputs.config_text = "dir = \"/config\"\n";
  inputs.profiles = {{.name = "default", .folder = "/farms/default", .addresses = {"far:7443", "10.0.0.1:7443"}},
                     {.name = "work", .folder = "/farms/work", .addresses = {"work:7443"}},
                     {.name = "worn", .folder = "/farms/worn", .broken = absl::DataLossError("no key")}};
  EXPECT_EQ(Found(inputs), "dir /config");
  inputs.default_profile = "default";
  EXPECT_EQ(Found(inputs), "server far:7443");
  EXPECT_EQ(FindFarm(inputs)->identity, "/farms/default");
  inputs.flags.farm = "work";
  EXPECT_EQ(FindFarm(inputs)->identity, "/farms/work");
  inputs.flags.farm = "worn";
  EXPECT_NE(std::string(FindFarm(inputs).status().message()).find("gofarm logout --name worn"), std::string::npos);
  inputs.flags.farm = "wrok";
  EXPECT_NE(std::string(FindFarm(inputs).status().message()).find("known are: default, work, worn"), std::string::npos);
  inputs.flags.dir = "/flag";
  EXPECT_EQ(Found(inputs), "dir /flag");
}

TEST(FarmFinderTest, AnAddressBeyondASocketTakesTheIdentityThatWasMadeForIt) {
  FinderInputs inputs = With({});
  inputs.profiles = {{.name = "default", .folder = "/farms/default", .addresses = {"far:7443", "10.0.0.1:7443"}}};
  inputs.flags.server = "10.0.0.1:7443";
  EXPECT_EQ(FindFarm(inputs)->identity, "/farms/default");
  EXPECT_EQ(FindFarm(inputs)->server, "10.0.0.1:7443");
  // Loopback too: one rule for all of TCP.
  inputs.flags.server = "127.0.0.1:7443";
  EXPECT_NE(std::string(FindFarm(inputs).status().message()).find("gofarm login JOIN"), std::string::npos);
  inputs.flags.server = "unix:/s";
  EXPECT_EQ(FindFarm(inputs)->identity, "");
}

TEST(FarmFinderTest, FoldersBecomeAbsoluteAndPlain) {
  FinderInputs inputs = With({});
  inputs.flags.dir = "farms/../mine/";
  EXPECT_EQ(Found(inputs), "dir /work/mine");
}

TEST(FarmFinderTest, ABrokenConfigFileIsAnErrorAndNotPassedOver) {
  FinderInputs inputs = With({{"HOME", "/home/ann"}});
  inputs.config_text = "sever = \"unix:/s3\"\n";
  const absl::StatusOr<FarmChoice> choice = FindFarm(inputs);
  ASSERT_FALSE(choice.ok());
  EXPECT_NE(std::string(choice.status().message()).find("sever"), std::string::npos);
}

TEST(FarmFinderTest, AConfigFileThatCannotBeReadIsNotPassedOver) {
  FinderInputs inputs = With({{"HOME", "/home/ann"}});
  inputs.config_error = absl::PermissionDeniedError("open config.toml: Permission denied");
  EXPECT_EQ(FindFarm(inputs).status(), inputs.config_error);
  // Where the farm is named otherwise it does not matter.
  inputs.flags.dir = "/flag";
  EXPECT_EQ(Found(inputs), "dir /flag");
}

TEST(FarmFinderTest, WithoutAHomeThereIsNoDefault) { EXPECT_EQ(Found(With({})), "error"); }

TEST(FarmFinderTest, AnAddressIsNoPlaceToMakeAFarm) {
  FinderInputs inputs = With({{"GOFARM_SERVER", "unix:/s1"}, {"GOFARM_DIR", "/env"}});
  EXPECT_EQ(FindFarmFolder(inputs).value(), "/env");
}

}  // namespace
}  // namespace gofarm::cli
