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
  FinderInputs inputs = With({{"GOFARM_SERVER", "127.0.0.1:1"}, {"GOFARM_DIR", "/env"}, {"HOME", "/home/ann"}});
  inputs.server_flag = "127.0.0.1:2";
  inputs.dir_flag = "/flag";
  inputs.config_text = "dir = \"/config\"\n";
  EXPECT_EQ(Found(inputs), "server 127.0.0.1:2");
  inputs.server_flag.clear();
  EXPECT_EQ(Found(inputs), "dir /flag");
  inputs.dir_flag.clear();
  EXPECT_EQ(Found(inputs), "server 127.0.0.1:1");
  inputs.environment = With({{"GOFARM_SERVER", ""}, {"GOFARM_DIR", "/env"}, {"HOME", "/home/ann"}}).environment;
  EXPECT_EQ(Found(inputs), "dir /env");
  inputs.environment = With({{"GOFARM_DIR", ""}, {"HOME", "/home/ann"}}).environment;
  EXPECT_EQ(Found(inputs), "dir /config");
  inputs.config_text = "server = \"127.0.0.1:3\"\ndir = \"/config\"\n";
  EXPECT_EQ(Found(inputs), "server 127.0.0.1:3");
  inputs.config_text.reset();
  EXPECT_EQ(Found(inputs), "dir /home/ann/.local/share/gofarm");
  inputs.environment = With({{"XDG_DATA_HOME", "/data"}, {"HOME", "/home/ann"}}).environment;
  EXPECT_EQ(Found(inputs), "dir /data/gofarm");
}

TEST(FarmFinderTest, FoldersBecomeAbsoluteAndPlain) {
  FinderInputs inputs = With({});
  inputs.dir_flag = "farms/../mine/";
  EXPECT_EQ(Found(inputs), "dir /work/mine");
}

TEST(FarmFinderTest, ABrokenConfigFileIsAnErrorAndNotPassedOver) {
  FinderInputs inputs = With({{"HOME", "/home/ann"}});
  inputs.config_text = "sever = \"127.0.0.1:3\"\n";
  const absl::StatusOr<FarmChoice> choice = FindFarm(inputs);
  ASSERT_FALSE(choice.ok());
  EXPECT_NE(std::string(choice.status().message()).find("sever"), std::string::npos);
}

TEST(FarmFinderTest, AConfigFileThatCannotBeReadIsNotPassedOver) {
  FinderInputs inputs = With({{"HOME", "/home/ann"}});
  inputs.config_error = absl::PermissionDeniedError("open config.toml: Permission denied");
  EXPECT_EQ(FindFarm(inputs).status(), inputs.config_error);
  // Where the farm is named otherwise it does not matter.
  inputs.dir_flag = "/flag";
  EXPECT_EQ(Found(inputs), "dir /flag");
}

TEST(FarmFinderTest, WithoutAHomeThereIsNoDefault) { EXPECT_EQ(Found(With({})), "error"); }

TEST(FarmFinderTest, AnAddressIsNoPlaceToMakeAFarm) {
  FinderInputs inputs = With({{"GOFARM_SERVER", "127.0.0.1:1"}, {"GOFARM_DIR", "/env"}});
  EXPECT_EQ(FindFarmFolder(inputs).value(), "/env");
}

}  // namespace
}  // namespace gofarm::cli
