// The real gofarm program drains and removes workers of a farm that answers what the test wants.
#include <gmock/gmock.h>
#include <gofarm/v1/farm.grpc.pb.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <simdjson.h>
#include <unistd.h>

#include <cstdlib>
#include <deque>
#include <mutex>

#include "common/base/text.h"
#include "common/io/files.h"
#include "common/process/run.h"

namespace gofarm {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class DrainingFarm : public v1::Farm::Service {
 public:
  // What each look at the workers sees; the last one is repeated.
  std::deque<v1::WorkerRow> looks;
  std::vector<v1::WorkerChoice> drained, undrained;
  grpc::Status answer;  // of the next drain

 private:
  grpc::Status DrainWorkers(grpc::ServerContext*, const v1::WorkerChoice* choice, v1::ChosenWorkers* chosen) override {
    drained.push_back(*choice);
    chosen->add_names("w1");
    return answer;
  }
  grpc::Status UndrainWorkers(grpc::ServerContext*, const v1::WorkerChoice* choice,
                              v1::ChosenWorkers* chosen) override {
    undrained.push_back(*choice);
    chosen->add_names("w1");
    return answer;
  }
  grpc::Status RemoveWorker(grpc::ServerContext*, const v1::RemoveWorkerRequest*, v1::RemovedWorker* removed) override {
    removed->set_jobs(2);
    return answer;
  }
  grpc::Status ListWorkers(grpc::ServerContext*, const v1::ListWorkersRequest*,
                           grpc::ServerWriter<v1::WorkerPage>* writer) override {
    v1::WorkerPage page;
    const std::lock_guard lock(mutex_);
    if (!looks.empty()) *page.add_workers() = looks.front();
    if (looks.size() > 1) looks.pop_front();
    writer->Write(page);
    return grpc::Status::OK;
  }

  std::mutex mutex_;
};

class CliDrainTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/gofarm-drain-XXXXXX";
    top_ = mkdtemp(pattern);
    address_ = "unix:" + top_ + "/s";
    grpc::ServerBuilder builder;
    builder.AddListeningPort(address_, grpc::InsecureServerCredentials());
    builder.RegisterService(&farm_);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
  }
  void TearDown() override {
    server_->Shutdown(std::chrono::system_clock::now());
    EXPECT_TRUE(io::RemoveTree(top_).ok());
  }
  process::CommandResult Gofarm(std::vector<std::string> arguments) const {
    const char* const bin = std::getenv("GOFARM_BIN_DIR");
    arguments.insert(arguments.begin(), std::string(bin == nullptr ? "build/bin" : bin) + "/gofarm");
    const absl::StatusOr<process::CommandResult> result = process::Run(
        Scope::For(absl::Seconds(60)),
        {.argv = std::move(arguments),
         .environment = process::InheritedWith({{"GOFARM_SERVER", address_}, {"GOFARM_DIR", ""}, {"USER", "ann"}})});
    EXPECT_TRUE(result.ok()) << result.status();
    return result.value_or(process::CommandResult{.exit_code = -1});
  }
  static bool IsOneDocument(const std::string& text) {
    simdjson::dom::parser parser;
    return parser.parse(text).error() == simdjson::SUCCESS;
  }

  std::string top_;
  std::string address_;
  DrainingFarm farm_;
  std::unique_ptr<grpc::Server> server_;
};

v1::WorkerRow Look(bool draining, int held) {
  v1::WorkerRow row;
  row.set_name("w1");
  row.set_draining(draining);
  row.set_held(held);
  return row;
}

TEST_F(CliDrainTest, DrainNamesWhomItMeansAndPrintsTheWorkersAsJson) {
  process::CommandResult r = Gofarm({"worker", "drain", "w1"});
  EXPECT_EQ(r.exit_code, 0) << r.err;
  EXPECT_EQ(r.out, "w1: drained\n");
  farm_.looks = {Look(false, 1), Look(true, 1)};
  r = Gofarm({"worker", "drain", "--label", "zone=b", "--label", "rack=7", "--output", "json"});
  EXPECT_EQ(r.exit_code, 0) << r.err;
  EXPECT_TRUE(IsOneDocument(r.out)) << r.out;
  EXPECT_THAT(r.out, HasSubstr("\"draining\": true")) << "as it is now, not as it was a moment ago";
  farm_.looks = {Look(false, 0)};
  EXPECT_EQ(Gofarm({"worker", "undrain", "w1"}).out, "w1: takes jobs again\n");
  ASSERT_EQ(farm_.drained.size(), 2u);
  EXPECT_EQ(farm_.drained[0].name(), "w1");
  EXPECT_EQ(farm_.drained[1].labels().size(), 2u);
  EXPECT_EQ(farm_.drained[1].labels().at("zone"), "b");
  EXPECT_EQ(farm_.undrained.size(), 1u);
}

TEST_F(CliDrainTest, DrainWaitsUntilNothingRunsAndShowsWhatDoes) {
  farm_.looks = {Look(false, 1), Look(true, 1), Look(true, 0)};
  const process::CommandResult r = Gofarm({"worker", "drain", "w1", "--wait"});
  EXPECT_EQ(r.exit_code, 0) << r.err;
  EXPECT_EQ(r.out, "w1: drained\n");
  EXPECT_EQ(r.err, "w1: still runs 1 job\nw1: nothing runs any more\n");
}

TEST_F(CliDrainTest, DrainThatTakesTooLongIsExitCodeOne) {
  farm_.looks = {Look(true, 2)};
  process::CommandResult r = Gofarm({"worker", "drain", "w1", "--wait", "--timeout", "300ms"});
  EXPECT_EQ(r.exit_code, 1) << r.err;
  EXPECT_THAT(r.err,
              AllOf(HasSubstr("w1: still runs 2 jobs"), HasSubstr("--timeout is over"), HasSubstr("stay drained")));
  farm_.looks = {Look(true, 1), Look(false, 1)};
  r = Gofarm({"worker", "drain", "w1", "--wait"});
  EXPECT_EQ(r.exit_code, 1) << "somebody undrained it";
  EXPECT_THAT(r.err, HasSubstr("w1: was undrained meanwhile"));
}

TEST_F(CliDrainTest, ADrainOfNobodyIsWrongInput) {
  farm_.answer = {grpc::StatusCode::NOT_FOUND, "no worker is called \"w9\"; see: gofarm worker list"};
  const process::CommandResult r = Gofarm({"worker", "drain", "w9"});
  EXPECT_EQ(r.exit_code, 2);
  EXPECT_THAT(r.err, HasSubstr("no worker is called"));
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"worker", "drain"},
                                             {"worker", "drain", "w1", "--label", "zone=b"},
                                             {"worker", "drain", "--label", "zone"},
                                             {"worker", "drain", "w1", "--timeout", "1h"},
                                             {"worker", "drain", "w1", "--wait", "--timeout", "soon"},
                                             {"worker", "undrain", "w1", "--wait"},
                                             {"submit", "a.test/m", "--label", "zo ne=b"}}) {
    EXPECT_EQ(Gofarm(words).exit_code, 2) << words.back();
  }
}

TEST_F(CliDrainTest, RemoveSaysWhatWasGivenUp) {
  EXPECT_EQ(Gofarm({"worker", "remove", "w1"}).out, "w1: removed; 2 jobs it ran given up\n");
  const process::CommandResult r = Gofarm({"worker", "remove", "w1", "--output", "json"});
  EXPECT_TRUE(IsOneDocument(r.out)) << r.out;
  EXPECT_THAT(r.out, HasSubstr("\"jobs_given_up\": 2"));
}

TEST_F(CliDrainTest, WhatAWorkerCallsItselfIsEscaped) {
  v1::WorkerRow row = Look(false, 0);
  (*row.mutable_labels())["zone"] = "b\x1b[2J";
  row.set_address("\x1b[2J");
  row.set_build_version("1.0\x1b[2J");
  farm_.looks = {row};
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"worker", "list"}, {"worker", "show", "w1"}}) {
    const process::CommandResult r = Gofarm(words);
    EXPECT_EQ(r.exit_code, 0) << r.err;
    EXPECT_THAT(r.out, AllOf(HasSubstr("zone=b\\x1b[2J"), Not(HasSubstr("\x1b"))));
  }
}

}  // namespace
}  // namespace gofarm
