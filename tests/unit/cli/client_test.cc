// A client whose farm goes away and comes back, with a real server on a socket.
#include "cli/client.h"

#include <gofarm/v1/farm.grpc.pb.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stop_token>
#include <thread>

#include "absl/time/clock.h"
#include "common/base/text.h"

namespace gofarm::cli {
namespace {

class FakeFarm final : public v1::Farm::Service {
  grpc::Status GetFarmStatus(grpc::ServerContext*, const v1::FarmStatusRequest*, v1::FarmStatus* reply) override {
    reply->set_state("running");
    return grpc::Status::OK;
  }
  // Takes all there is and never answers.
  grpc::Status Submit(grpc::ServerContext* context, grpc::ServerReader<v1::SubmitChunk>* reader,
                      v1::SubmitReply*) override {
    v1::SubmitChunk chunk;
    while (reader->Read(&chunk)) {
    }
    while (!context->IsCancelled()) absl::SleepFor(absl::Milliseconds(5));
    return grpc::Status::CANCELLED;
  }
};

class ClientTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/gofarm-client-XXXXXX";
    folder_ = mkdtemp(pattern);
    StartServer();
    absl::StatusOr<std::unique_ptr<FarmClient>> client =
        FarmClient::Connect({.server = Cat("unix:", folder_, "/s"), .named_by = "--server"});
    ASSERT_TRUE(client.ok()) << client.status();
    client_ = *std::move(client);
  }
  void TearDown() override {
    StopServer();
    std::filesystem::remove_all(folder_);
  }
  void StartServer() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort(Cat("unix:", folder_, "/s"), grpc::InsecureServerCredentials());
    builder.RegisterService(&farm_);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
  }
  void StopServer() {
    if (server_) server_->Shutdown(std::chrono::system_clock::now());
    server_.reset();
  }
  absl::Status Ask() {
    v1::FarmStatus status;
    return client_->GetFarmStatus(absl::Seconds(10), status);
  }

  std::string folder_;
  FakeFarm farm_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<FarmClient> client_;
};

TEST_F(ClientTest, AFarmThatComesBackIsNoticedAtOnce) {
  ASSERT_TRUE(Ask().ok());
  StopServer();
  // Until gRPC's pauses between its tries have grown.
  for (const Scope away = Scope::For(absl::Seconds(2)); !away.Done();) {
    EXPECT_TRUE(absl::IsUnavailable(Ask()));
    client_->AwaitFarm(Scope::For(absl::Milliseconds(300)));
  }
  StartServer();
  const absl::Time back = absl::Now();
  client_->AwaitFarm(Scope::For(absl::Minutes(1)));
  EXPECT_LT(absl::Now() - back, absl::Seconds(30));
  const absl::Status asked = Ask();
  EXPECT_TRUE(asked.ok()) << asked;
}

TEST_F(ClientTest, WaitingForAFarmEndsWithItsScope) {
  StopServer();
  std::stop_source stop;
  stop.request_stop();
  client_->AwaitFarm(Scope::For(absl::Hours(1), stop.get_token()));
  client_->AwaitFarm(Scope::For(absl::Milliseconds(50)));
  EXPECT_TRUE(absl::IsUnavailable(Ask()));
}

TEST_F(ClientTest, ASubmissionThatIsNotAnsweredCanBeInterrupted) {
  std::stop_source stop;
  client_->StopWith(stop.get_token());
  std::thread interrupt([&] {
    absl::SleepFor(absl::Milliseconds(100));
    stop.request_stop();
  });
  v1::SubmitReply reply;
  const absl::Status submitted = client_->Submit({.name = "n"}, {{.line = 1, .module = "a.test/m"}}, reply);
  interrupt.join();
  EXPECT_TRUE(absl::IsCancelled(submitted)) << submitted;
}

}  // namespace
}  // namespace gofarm::cli
