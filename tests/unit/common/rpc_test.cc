#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/rpc/channel.h"
#include "common/rpc/grpc_status.h"

namespace gofarm::rpc {
namespace {

TEST(CheckLocalAddressTest, TakesThisMachineOnly) {
  for (const char* good : {"unix:/run/x.sock", "127.0.0.1:0", "127.9.9.9:70", "localhost:1", "[::1]:7070"}) {
    EXPECT_TRUE(CheckLocalAddress(good).ok()) << good;
  }
  for (const char* beyond : {"0.0.0.0:0", "10.0.0.1:70", "[::]:70", "farm.example:7070", "127.evil.example:1"}) {
    const absl::Status s = CheckLocalAddress(beyond);
    EXPECT_EQ(s.code(), absl::StatusCode::kFailedPrecondition) << beyond;
    EXPECT_THAT(std::string(s.message()), ::testing::HasSubstr("TLS"));
  }
  for (const char* bad : {"", "localhost", "127.0.0.1:99999", "127.0.0.1:x", "unix:relative"}) {
    EXPECT_EQ(CheckLocalAddress(bad).code(), absl::StatusCode::kInvalidArgument) << bad;
  }
}

TEST(GrpcStatusTest, GoesBothWaysAndEscapesTheMessage) {
  const grpc::Status wire = ToGrpc(absl::NotFoundError("job 7\033[2J"));
  EXPECT_EQ(wire.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(FromGrpc(wire), absl::NotFoundError("job 7\\x1b[2J"));
}

}  // namespace
}  // namespace gofarm::rpc
