#include <gmock/gmock.h>
#include <gofarm/v1/farm.grpc.pb.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "common/base/text.h"
#include "common/rpc/channel.h"
#include "common/rpc/credentials.h"
#include "common/rpc/grpc_status.h"
#include "common/rpc/peer.h"

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

TEST(PeerTest, ThisMachineIsAnAdminAndEverybodyElseNobody) {
  for (const char* local : {"unix:", "unix:/run/s", "ipv4:127.0.0.1:7070", "ipv6:%5B::1%5D:7070", "ipv6:[::1]:7070"}) {
    EXPECT_EQ(PeerAt(local), LocalPeer()) << local;
  }
  for (const char* far : {"", "ipv4:10.0.0.1:7070", "ipv4:1.127.0.1:7070", "ipv6:%5B2001:db8::1%5D:7070", "x:unix:"}) {
    EXPECT_EQ(PeerAt(far), PeerIdentity{}) << far;
  }
}

TEST(PeerTest, OnlyAnAdminActsForWorkersOfAnyName) {
  EXPECT_TRUE(MayActAs(LocalPeer(), "w1"));
  EXPECT_TRUE(MayActAs({.role = Role::kWorker, .name = "w1"}, "w1"));
  EXPECT_FALSE(MayActAs({.role = Role::kWorker, .name = "w1"}, "w2"));
  EXPECT_FALSE(MayActAs({.role = Role::kOperator, .name = "w1"}, "w1"));
  EXPECT_FALSE(MayActAs({}, ""));
  EXPECT_TRUE(MayActFor({.role = Role::kWorker, .name = "w1", .secret_sha256 = "s"}, "w1", "s"));
  EXPECT_FALSE(MayActFor({.role = Role::kWorker, .name = "w1", .secret_sha256 = "s"}, "w2", "s"));
  EXPECT_FALSE(MayActFor({.role = Role::kWorker, .name = "w1", .secret_sha256 = "t"}, "w1", "s"));
  EXPECT_FALSE(MayActFor({.role = Role::kWorker, .name = "w1", .secret_sha256 = ""}, "w1", ""));
}

TEST(CredentialsTest, PlaintextStaysOnThisMachine) {
  EXPECT_TRUE(Credentials::Plaintext().CheckAddress("127.0.0.1:0").ok());
  EXPECT_EQ(Credentials::Plaintext().CheckAddress("10.0.0.1:70").code(), absl::StatusCode::kFailedPrecondition);
}

TEST(GrpcStatusTest, GoesBothWaysAndEscapesTheMessage) {
  const grpc::Status wire = ToGrpc(absl::NotFoundError("job 7\033[2J"));
  EXPECT_EQ(wire.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(FromGrpc(wire), absl::NotFoundError("job 7\\x1b[2J"));
}

// One that refuses with as many lines as it is asked for.
class Refuser final : public v1::Farm::Service {
  grpc::Status GetBatch(grpc::ServerContext*, const v1::BatchRequest* request, v1::Batch*) override {
    std::string message = "head";
    for (int64_t i = 1; i <= request->id(); ++i) message += Cat("\nline ", i, ": %\"wrong\" ", std::string(190, 'x'));
    return ToGrpc(absl::InvalidArgumentError(message));
  }
};

class LongRefusalTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/gofarm-rpc-XXXXXX";
    folder_ = mkdtemp(pattern);
    grpc::ServerBuilder builder;
    builder.AddListeningPort(Address(), grpc::InsecureServerCredentials());
    builder.RegisterService(&refuser_);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
  }
  void TearDown() override {
    server_->Shutdown();
    std::filesystem::remove_all(folder_);
  }
  std::string Address() const { return Cat("unix:", folder_, "/s"); }
  absl::Status Refused(int64_t lines) const {
    const auto stub = v1::Farm::NewStub(MakeChannel(Address(), Credentials::Plaintext()));
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    v1::BatchRequest request;
    request.set_id(lines);
    v1::Batch batch;
    return FromGrpc(stub->GetBatch(&context, request, &batch));
  }
  std::string folder_;
  Refuser refuser_;
  std::unique_ptr<grpc::Server> server_;
};

TEST_F(LongRefusalTest, AHundredLinesArriveWhole) {
  const absl::Status status = Refused(100);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("\nline 100: %\"wrong\" xxx"));
}

TEST_F(LongRefusalTest, WhatDoesNotFitIsCutAtALineAndCounted) {
  const absl::Status status = Refused(1000);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  const std::string message(status.message());
  EXPECT_LE(message.size(), kStatusMessageMax);
  EXPECT_THAT(message, ::testing::ContainsRegex("xxx\nand [0-9]+ more lines$"));
}

}  // namespace
}  // namespace gofarm::rpc
