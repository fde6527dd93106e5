#include "cli/embedded/farm_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "cli/embedded/farm_paths.h"

namespace gofarm::embedded {
namespace {

using ::testing::HasSubstr;

FarmFile Sample() {
  FarmFile farm{.state = "degraded",
                .dir = "/home/ann/farm",
                .run = "/home/ann/farm/run",
                .grpc_address = "unix:/home/ann/farm/run/coordinator.sock",
                .http_url = "http://127.0.0.1:20123",
                .cache_dir = "/home/ann/cache",
                .started_at = absl::FromUnixSeconds(1'700'000'000)};
  farm.supervisor = {.pid = 10, .start_time = 100};
  farm.postgres.process = {.pid = 11, .start_time = 110};
  farm.coordinator = {
      .name = "coordinator", .state = "restarting", .restarts = 4, .detail = "ended \"badly\"\n\x1b[31m"};
  farm.workers.push_back({.name = "worker-1", .process = {.pid = 13, .start_time = 130}, .state = "running"});
  return farm;
}

TEST(FarmFileTest, WhatIsWrittenIsReadBack) {
  const FarmFile farm = Sample();
  const absl::StatusOr<FarmFile> read = ParseFarmFile(ToJson(farm));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(ToJson(*read), ToJson(farm));
  EXPECT_EQ(read->coordinator.detail, farm.coordinator.detail);
  EXPECT_EQ(read->workers[0].process, farm.workers[0].process);
}

TEST(FarmFileTest, AMissingFileIsNoFarmAndABrokenOneAnError) {
  const std::string dir = ::testing::TempDir();
  const absl::StatusOr<std::optional<FarmFile>> none = ReadFarmFile(dir + "/no-such-farm");
  ASSERT_TRUE(none.ok());
  EXPECT_FALSE(none->has_value());
  EXPECT_FALSE(ReadFarmFile("/dev/null/farm").value().has_value());
  EXPECT_FALSE(ParseFarmFile("{\"state\": ").ok());
  EXPECT_FALSE(ParseFarmFile("[]").ok());
}

TEST(FarmFileTest, TheSupervisorIsTheLastOfItsProcesses) {
  const std::vector<process::ProcessId> all = Sample().Processes();
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(all.front().pid, 13);
  EXPECT_EQ(all.back().pid, 10);
}

TEST(FarmPathsTest, SocketsStandInTheFarmAsLongAsTheirPathsFit) {
  EXPECT_EQ(PathsFor("/home/ann/farm", "/run/user/1000", 1000).run, "/home/ann/farm/run");
  const std::string deep = "/" + std::string(90, 'd');
  const FarmPaths runtime = PathsFor(deep, "/run/user/1000", 1000);
  EXPECT_THAT(runtime.run, HasSubstr("/run/user/1000/gofarm-"));
  const FarmPaths temporary = PathsFor(deep, "", 1000);
  EXPECT_THAT(temporary.run, HasSubstr("/tmp/gofarm-"));
  EXPECT_LE(temporary.GrpcAddress().size(), kSocketPathMax + 5);
  EXPECT_NE(PathsFor(deep + "2", "", 1000).run, temporary.run);
}

TEST(FarmPathsTest, AFolderThatIsALinkIsNotTakenForAPrivateOne) {
  const std::string link = ::testing::TempDir() + "/gofarm-link-test";
  unlink(link.c_str());
  ASSERT_EQ(symlink("/tmp", link.c_str()), 0);
  EXPECT_EQ(MakePrivateFolder(link).code(), absl::StatusCode::kFailedPrecondition);
  unlink(link.c_str());
}

}  // namespace
}  // namespace gofarm::embedded
