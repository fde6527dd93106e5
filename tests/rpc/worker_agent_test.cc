// The real agent, sessions, slots and uploads against a coordinator in this process; only the build itself is a fake.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/rpc/session_secret.h"
#include "tests/rpc/fake_coordinator.h"
#include "worker/agent/agent.h"

namespace gofarm::agent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Logs, makes one file, and ends when the test lets it.
class FakeRunner : public build::Runner {
 public:
  explicit FakeRunner(std::string folder) : folder_(std::move(folder)) {}

  build::BuildReport Run(const Scope& scope, const build::AcceptedOffer& offer,
                         build::BuildListener& listener) override {
    listener.OnProgress({.phase = Phase::kFetch, .detail = "downloading", .bytes_done = 1, .bytes_total = 2});
    listener.OnLog("fetch/| go: downloading\n");
    listener.OnProgress({.phase = Phase::kBuild, .variant = "install"});
    std::string lines;
    for (int i = 0; i < lines_; ++i) lines += Cat("build/install| line ", i, "\n");
    listener.OnLog(lines);
    bool stopped = false;
    {
      absl::MutexLock lock(&mutex_);
      running_.insert(offer.token.value);
      while (!released_.contains(offer.token.value) && !scope.Done()) {
        released_changed_.WaitWithTimeout(&mutex_, absl::Milliseconds(20));
      }
      stopped = !released_.contains(offer.token.value);
      running_.erase(offer.token.value);
    }
    build::BuildReport report;
    if (stopped) {
      report.outcome = AttemptOutcome::kCancelled;
      return report;
    }
    report.outcome = AttemptOutcome::kBuilt;
    Executable e;
    e.name = "tool";
    e.import_path = offer.module;
    report.files.push_back(Cat(folder_, "/tool-", offer.token.value));
    std::ofstream(report.files[0], std::ios::binary) << content_;
    e.sha256 = digest::Sha256Hex(claimed_.empty() ? content_ : claimed_);
    e.blake3 = digest::Blake3Hex(content_);
    e.size = static_cast<int64_t>(content_.size());
    report.executables.push_back(e);
    report.phases = {{Phase::kFetch, 0.5}, {Phase::kBuild, 1.5}};
    listener.OnLog("check/| tool is good\n");
    return report;
  }

  void Release(int64_t token) {
    absl::MutexLock lock(&mutex_);
    released_.insert(token);
    released_changed_.SignalAll();
  }
  bool WaitForRunning(size_t count) {
    absl::MutexLock lock(&mutex_);
    const std::function<bool()> there = [&] { return running_.size() == count; };
    return mutex_.AwaitWithTimeout(absl::Condition(&there, &std::function<bool()>::operator()), kPatience);
  }

  int lines_ = 3;
  std::string content_ =
      "\x7f"
      "ELF and so on";
  std::string claimed_;  // what it says it made, when that is not `content_`

 private:
  const std::string folder_;
  absl::Mutex mutex_;
  absl::CondVar released_changed_;
  std::set<int64_t> released_, running_;
};

class WorkerAgentTest : public testing::Test {
 protected:
  WorkerAgentTest() {
    std::string form = "/tmp/gofarm-agent-XXXXXX";
    EXPECT_NE(::mkdtemp(form.data()), nullptr);
    folder_ = form;
    runner_ = std::make_unique<FakeRunner>(folder_);
  }
  ~WorkerAgentTest() override {
    StopAgent();
    std::filesystem::remove_all(folder_);
  }

  AgentOptions Options(int slots = 1) {
    AgentOptions options;
    options.name = "worker-1";
    options.coordinators = {farm_.address()};
    options.host_arch = "x86_64";
    options.build_version = "test";
    options.targets = {kAllTargets.begin(), kAllTargets.end()};
    options.slots = slots;
    options.memory_bytes_per_slot = 1 << 30;
    options.spool_folder = folder_;
    options.watched_disks = {folder_};
    return options;
  }
  void StartAgent(AgentOptions options) {
    agent_ = std::make_unique<Agent>(std::move(options), runner_.get());
    thread_ = std::jthread([this](std::stop_token stop) { agent_->Run(std::move(stop)); });
  }
  void StopAgent() {
    if (!thread_.joinable()) return;
    thread_.request_stop();
    thread_.join();
    agent_.reset();
  }
  // Of the kinds that tests compare, in the offer they came, for one token.
  std::vector<std::string> Said(int64_t token) {
    std::vector<std::string> said;
    for (const v1::WorkerMessage& m : farm_.messages) {
      if (m.has_accept() && m.accept().token() == token) said.push_back("accept");
      if (m.has_refuse() && m.refuse().token() == token)
        said.push_back(Cat("refuse ", static_cast<int>(m.refuse().reason())));
      if (m.has_progress() && m.progress().token() == token) {
        std::string what = Cat("progress ", static_cast<int>(m.progress().phase()));
        if (said.empty() || said.back() != what) said.push_back(std::move(what));
      }
    }
    return said;
  }
  bool WaitForAccept(int64_t token) {
    return farm_.WaitFor([&] { return testing::Value(Said(token), testing::Contains("accept")); });
  }
  // The slot that took this token was told free again.
  bool WaitForFreedSlot(int64_t token) {
    return farm_.WaitFor([&] {
      bool accepted = false;
      for (const v1::WorkerMessage& m : farm_.messages) {
        accepted |= m.has_accept() && m.accept().token() == token;
        if (accepted && m.has_ready() && m.ready().free_slots() > 0) return true;
      }
      return false;
    });
  }
  std::vector<std::string> Files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) names.push_back(entry.path().filename());
    return names;
  }

  FakeCoordinator farm_;
  std::string folder_;
  std::unique_ptr<FakeRunner> runner_;
  std::unique_ptr<Agent> agent_;
  std::jthread thread_;
};

TEST_F(WorkerAgentTest, WhatWelcomeSaysOfModulesIsKnownBeforeItsToolsets) {
  farm_.welcome_go.set_goproxy("https://farm.test,direct");
  farm_.welcome_go.set_gosumdb("off");
  absl::Mutex mutex;
  std::vector<std::string> known;
  AgentOptions options = Options();
  options.go_settings_known = [&](const goproxy::Settings& go) {
    absl::MutexLock lock(&mutex);
    known.push_back(Cat("go ", go.goproxy, " ", go.gosumdb));
  };
  options.toolsets_known = [&](const std::vector<Toolset>& toolsets) {
    absl::MutexLock lock(&mutex);
    known.push_back(Cat("toolsets ", toolsets.size()));
  };
  StartAgent(std::move(options));
  const std::function<bool()> two = [&] { return known.size() >= 2; };
  {
    absl::MutexLock lock(&mutex);
    EXPECT_TRUE(mutex.AwaitWithTimeout(absl::Condition(&two, &std::function<bool()>::operator()), kPatience));
  }
  StopAgent();
  EXPECT_THAT(known, ElementsAre("go https://farm.test,direct off", "toolsets 1"));
}

TEST_F(WorkerAgentTest, WhatWelcomeSaysOfModulesIsLeftOutWhereItIsNoUse) {
  farm_.welcome_go.set_goproxy("https://farm.test");
  farm_.welcome_go.set_gonosumdb("a\nGOFLAGS=-x");
  absl::Mutex mutex;
  std::vector<goproxy::Settings> known;
  AgentOptions options = Options();
  options.go_settings_known = [&](const goproxy::Settings& go) {
    absl::MutexLock lock(&mutex);
    known.push_back(go);
  };
  StartAgent(std::move(options));
  const std::function<bool()> one = [&] { return !known.empty(); };
  {
    absl::MutexLock lock(&mutex);
    EXPECT_TRUE(mutex.AwaitWithTimeout(absl::Condition(&one, &std::function<bool()>::operator()), kPatience));
  }
  StopAgent();
  ASSERT_FALSE(known.empty());
  EXPECT_EQ(known[0], goproxy::Settings{});
}

TEST_F(WorkerAgentTest, AnOfferBecomesLogArtifactAndCompletion) {
  AgentOptions options = Options();
  options.snapshot = [] { return WorkerReport{.toolchains = {{"go", "1.26.8", "/cache/go", "aa"}}, .cache_bytes = 5}; };
  StartAgent(std::move(options));
  const v1::Hello* hello = farm_.WaitForHello(1);
  ASSERT_NE(hello, nullptr);
  EXPECT_EQ(hello->protocol_version(), 2);
  EXPECT_EQ(hello->name(), "worker-1");
  EXPECT_EQ(hello->targets_size(), 4);
  EXPECT_EQ(hello->slots(), 1);
  EXPECT_EQ(hello->memory_bytes(), 1 << 30);
  EXPECT_TRUE(hello->isolation_error().empty());

  farm_.Offer(7);
  ASSERT_TRUE(runner_->WaitForRunning(1));
  // Log bytes are stored while the build runs.
  EXPECT_TRUE(farm_.WaitFor([&] { return testing::Value(farm_.logs[7], HasSubstr("line 2\n")); }));
  runner_->Release(7);
  v1::CompleteRequest request;
  ASSERT_TRUE(farm_.WaitForCompletion(7, &request));

  EXPECT_EQ(request.job_id(), 1007);
  EXPECT_EQ(request.outcome(), v1::ATTEMPT_OUTCOME_BUILT);
  ASSERT_EQ(request.executables_size(), 1);
  EXPECT_EQ(farm_.blobs[request.executables(0).sha256()], runner_->content_);
  const std::string log =
      "fetch/| go: downloading\nbuild/install| line 0\nbuild/install| line 1\nbuild/install| line 2\ncheck/| tool is "
      "good\n";
  EXPECT_EQ(farm_.logs[7], log);
  EXPECT_EQ(request.facts().log_sha256(), digest::Sha256Hex(log));
  EXPECT_EQ(request.facts().log_bytes(), static_cast<int64_t>(log.size()));
  EXPECT_EQ(request.facts().worker_build(), "test");
  EXPECT_EQ(request.phases(request.phases_size() - 1).phase(), v1::PHASE_UPLOAD);
  EXPECT_TRUE(farm_.WaitFor([&] {
    return testing::Value(Said(7), ElementsAre("accept", "progress 2", "progress 3", "progress 5")) ||
           testing::Value(Said(7), ElementsAre("accept", "progress 3", "progress 5"));
  })) << testing::PrintToString(Said(7));
  EXPECT_TRUE(farm_.WaitFor([&] {
    for (const v1::WorkerMessage& m : farm_.messages) {
      if (m.has_report() && m.report().toolchains_size() == 1 && m.report().cache_bytes() == 5 &&
          m.report().disk_free_bytes() > 0) {
        return true;
      }
    }
    return false;
  }));
  EXPECT_TRUE(farm_.WaitFor([&] {
    return std::any_of(farm_.messages.begin(), farm_.messages.end(), [](const auto& m) { return m.has_heartbeat(); });
  }));
}

TEST_F(WorkerAgentTest, EveryCallCarriesTheSecretOfTheSession) {
  const std::string first(rpc::kSessionSecretBytes, '1'), second(rpc::kSessionSecretBytes, '2');
  farm_.welcome_secret = first;
  StartAgent(Options());
  ASSERT_NE(farm_.WaitForHello(1), nullptr);
  const auto secret_of = [&](const std::string& method) {
    std::string secret;
    farm_.WaitFor([&] {
      secret = farm_.secret_of[method];
      return true;
    });
    return secret;
  };
  EXPECT_EQ(secret_of("Session"), "") << "there was no session before";
  // A completion is over when its answer came, which a farm that stops at once would cut off.
  const auto slot_is_free = [&] {
    return farm_.WaitFor([&] {
      bool free = false;
      for (const v1::WorkerMessage& message : farm_.messages) {
        free = message.has_ready() ? message.ready().free_slots() == 1 : free && !message.has_accept();
      }
      return free;
    });
  };
  farm_.Offer(7);
  runner_->Release(7);
  ASSERT_TRUE(farm_.WaitForCompletion(7));
  ASSERT_TRUE(slot_is_free());
  for (const char* method : {"AppendLog", "UploadBlob", "Complete"}) EXPECT_EQ(secret_of(method), first) << method;

  farm_.Stop();
  farm_.welcome_secret = "";
  farm_.Start();
  ASSERT_NE(farm_.WaitForHello(2), nullptr);
  EXPECT_EQ(secret_of("Session"), first) << "the proof that it is the same worker";
  farm_.Offer(8);
  runner_->Release(8);
  ASSERT_TRUE(farm_.WaitForCompletion(8));
  ASSERT_TRUE(slot_is_free());
  EXPECT_EQ(secret_of("Complete"), first) << "nothing new was given, so it holds on";

  farm_.Stop();
  farm_.welcome_secret = second;
  farm_.Start();
  ASSERT_NE(farm_.WaitForHello(3), nullptr);
  farm_.Offer(9);
  runner_->Release(9);
  ASSERT_TRUE(farm_.WaitForCompletion(9));
  EXPECT_EQ(secret_of("Complete"), second);
}

TEST_F(WorkerAgentTest, AKnownDigestIsNotSentAgain) {
  farm_.blobs[digest::Sha256Hex(runner_->content_)] = runner_->content_;
  StartAgent(Options());
  ASSERT_NE(farm_.WaitForHello(1), nullptr);
  farm_.Offer(7);
  runner_->Release(7);
  ASSERT_TRUE(farm_.WaitForCompletion(7));
  EXPECT_EQ(farm_.blob_bytes_received, 0);
}

TEST_F(WorkerAgentTest, AnUploadGoesOnWhereItStopped) {
  runner_->content_ = std::string(3 << 20, 'x');
  farm_.partial_blobs[digest::Sha256Hex(runner_->content_)] = std::string(2 << 20, 'x');
  StartAgent(Options());
  ASSERT_NE(farm_.WaitForHello(1), nullptr);
  farm_.Offer(7);
  runner_->Release(7);
  ASSERT_TRUE(farm_.WaitForCompletion(7));
  EXPECT_EQ(farm_.blob_bytes_received, 1 << 20);
}

TEST_F(WorkerAgentTest, BytesThatDoNotMatchAreSentOnceMoreFromTheirStart) {
  runner_->content_ = "good";
  farm_.partial_blobs[digest::Sha256Hex("good")] = "BAD";
  StartAgent(Options());
  ASSERT_NE(farm_.WaitForHello(1), nullptr);
  farm_.Offer(7);
  runner_->Release(7);
  v1::CompleteRequest request;
  ASSERT_TRUE(farm_.WaitForCompletion(7, &request));
  EXPECT_EQ(request.outcome(), v1::ATTEMPT_OUTCOME_BUILT);
  EXPECT_EQ(farm_.blobs[digest::Sha256Hex("good")], "good");
}

TEST_F(WorkerAgentTest, BytesThatNeverMatchFailTheAttempt) {
  runner_->claimed_ = "good";
  runner_->content_ = "BAD!";
  StartAgent(Options());
  ASSERT_NE(farm_.WaitForHello(1), nullptr);
  farm_.Offer(7);
  runner_->Release(7);
  v1::CompleteRequest request;
  ASSERT_TRUE(farm_.WaitForCompletion(7, &request));
  EXPECT_EQ(request.outcome(), v1::ATTEMPT_OUTCOME_FAILED);
  EXPECT_EQ(request.failure_class(), v1::FAILURE_CLASS_INTERNAL);
  EXPECT_THAT(request.failure_detail(), HasSubstr("do not match their digest"));
  EXPECT_EQ(request.executables_size(), 0);
  EXPECT_EQ(farm_.blob_bytes_received, 8) << "sent twice";
  EXPECT_TRUE(farm_.blobs.empty());
}

TEST_F(WorkerAgentTest, ALogStreamThatBreaksGoesOnAtTheStoredOffset) {
  runner_->lines_ = 60'000;
  farm_.BreakLogsAfter(4);
  StartAgent(Options());
  ASSERT_NE(farm_.WaitForHello(1), nullptr);
  farm_.Offer(7);
  ASSERT_TRUE(runner_->WaitForRunning(1));
  ASSERT_TRUE(farm_.WaitFor([&] { return farm_.log_streams >= 3; }));
  runner_->Release(7);
  v1::CompleteRequest request;
  ASSERT_TRUE(farm_.WaitForCompletion(7, &request));
  EXPECT_EQ(request.facts().log_sha256(), digest::Sha256Hex(farm_.logs[7]));
  EXPECT_THAT(farm_.logs[7], HasSubstr("line 59999\n"));
}

TEST_F(WorkerAgentTest, AnOversizedLogKeepsHeadAndTail) {
  runner_->lines_ = 20'000;
  StartAgent(Options());
  ASSERT_NE(farm_.WaitForHello(1), nullptr);
  farm_.Offer(7, [](v1::Offer& offer) { offer.mutable_limits()->set_log_bytes(100'000); });
  runner_->Release(7);
  ASSERT_TRUE(farm_.WaitForCompletion(7));
  EXPECT_LE(farm_.logs[7].size(), 100'200u);
  EXPECT_THAT(farm_.logs[7], testing::StartsWith("fetch/| go: downloading\nbuild/install| line 0\n"));
  EXPECT_THAT(farm_.logs[7], HasSubstr(" bytes left out: the log is longer than its limit of 100000 bytes\n"));
  EXPECT_THAT(farm_.logs[7], testing::EndsWith("line 19999\ncheck/| tool is good\n"));
}

TEST_F(WorkerAgentTest, ACoordinatorThatRestartsTakesTheBuildBack) {
  StartAgent(Options());
  ASSERT_NE(farm_.WaitForHello(1), nullptr);
  farm_.Offer(7);
  ASSERT_TRUE(runner_->WaitForRunning(1));
  farm_.Stop();
  ASSERT_TRUE(runner_->WaitForRunning(1));  // goes on meanwhile
  farm_.Start();
  const v1::Hello* hello = farm_.WaitForHello(2);
  ASSERT_NE(hello, nullptr);
  ASSERT_EQ(hello->attempts_size(), 1);
  EXPECT_EQ(hello->attempts(0).token(), 7);
  EXPECT_EQ(hello->attempts(0).job_id(), 1007);
  EXPECT_FALSE(hello->attempts(0).ended());
  EXPECT_EQ(hello->instance(), farm_.hellos[0].instance());
  runner_->Release(7);
  v1::CompleteRequest request;
  ASSERT_TRUE(farm_.WaitForCompletion(7, &request));
  EXPECT_EQ(request.outcome(), v1::ATTEMPT_OUTCOME_BUILT);
  EXPECT_EQ(farm_.completions.size(), 1u);
}

TEST_F(WorkerAgentTest, ABuildThatEndedWhileNobodyListenedIsHandedInAfterwards) {
  StartAgent(Options());
  ASSERT_NE(farm_.WaitForHello(1), nullptr);
  farm_.Offer(7);
  ASSERT_TRUE(runner_->WaitForRunning(1));
  farm_.Stop();
  runner_->Release(7);
  ASSERT_TRUE(runner_->WaitForRunning(0));
  farm_.Start();
  ASSERT_NE(farm_.WaitForHello(2), nullptr);
  ASSERT_TRUE(farm_.WaitForCompletion(7));
  EXPECT_EQ(farm_.completions.size(), 1u);
  EXPECT_THAT(farm_.logs[7], testing::EndsWith("check/| tool is good\n"));
}

TEST_F(WorkerAgentTest, AnAttemptThatWelcomeDropsEndsSilentlyAndItsSlotIsFree) {
  StartAgent(Options());
  ASSERT_NE(farm_.WaitForHello(1), nullptr);
  farm_.Offer(7);
  ASSERT_TRUE(runner_->WaitForRunning(1));
  ASSERT_TRUE(farm_.WaitFor([&] { return !Said(7).empty(); })) << "its Accept, which a stop may overtake";
  farm_.Stop();
  farm_.SetValid(7, false);
  farm_.Start();
  ASSERT_NE(farm_.WaitForHello(2), nullptr);
  EXPECT_TRUE(runner_->WaitForRunning(0));
  ASSERT_TRUE(WaitForFreedSlot(7));
  farm_.Offer(8);
  runner_->Release(8);
  ASSERT_TRUE(farm_.WaitForCompletion(8));
  EXPECT_EQ(farm_.completions.size(), 1u);
}

TEST_F(WorkerAgentTest, ADropEndsTheBuildAndSaysNothingMore) {
  StartAgent(Options());
  ASSERT_NE(farm_.WaitForHello(1), nullptr);
  farm_.Offer(7);
  ASSERT_TRUE(runner_->WaitForRunning(1));
  v1::CoordinatorMessage drop;
  drop.set_epoch(1);
  drop.mutable_drop()->set_token(7);
  farm_.Send(drop);
  EXPECT_TRUE(runner_->WaitForRunning(0));
  ASSERT_TRUE(WaitForFreedSlot(7));
  farm_.Offer(8);
  runner_->Release(8);
  ASSERT_TRUE(farm_.WaitForCompletion(8));
  EXPECT_EQ(farm_.completions.size(), 1u);
}

TEST_F(WorkerAgentTest, ACancelEndsTheBuildAndIsCompletedAsCancelled) {
  StartAgent(Options());
  ASSERT_NE(farm_.WaitForHello(1), nullptr);
  farm_.Offer(7);
  ASSERT_TRUE(runner_->WaitForRunning(1));
  v1::CoordinatorMessage cancel;
  cancel.set_epoch(1);
  cancel.mutable_cancel()->set_token(7);
  farm_.Send(cancel);
  v1::CompleteRequest request;
  ASSERT_TRUE(farm_.WaitForCompletion(7, &request));
  EXPECT_EQ(request.outcome(), v1::ATTEMPT_OUTCOME_CANCELLED);
}

TEST_F(WorkerAgentTest, AStaleTokenDropsTheAttempt) {
  StartAgent(Options());
  ASSERT_NE(farm_.WaitForHello(1), nullptr);
  farm_.Offer(7);
  ASSERT_TRUE(runner_->WaitForRunning(1));
  // Known from now on only to the worker: its next log bytes get FAILED_PRECONDITION.
  farm_.SetValid(7, false);
  runner_->Release(7);
  EXPECT_TRUE(runner_->WaitForRunning(0));
  ASSERT_TRUE(WaitForFreedSlot(7));
  farm_.Offer(8);
  runner_->Release(8);
  ASSERT_TRUE(farm_.WaitForCompletion(8));
  EXPECT_EQ(farm_.completions.size(), 1u);
}

TEST_F(WorkerAgentTest, ACompletionIsRepeatedUntilItIsAnswered) {
  farm_.FailCompletions(3, grpc::StatusCode::UNAVAILABLE);
  StartAgent(Options());
  ASSERT_NE(farm_.WaitForHello(1), nullptr);
  farm_.Offer(7);
  runner_->Release(7);
  ASSERT_TRUE(farm_.WaitForCompletion(7));
  EXPECT_EQ(farm_.completions.size(), 1u);
}

TEST_F(WorkerAgentTest, AReportThatIsRefusedBecomesAFailedAttempt) {
  farm_.FailCompletions(1, grpc::StatusCode::INVALID_ARGUMENT);
  StartAgent(Options());
  ASSERT_NE(farm_.WaitForHello(1), nullptr);
  farm_.Offer(7);
  runner_->Release(7);
  v1::CompleteRequest request;
  ASSERT_TRUE(farm_.WaitForCompletion(7, &request));
  EXPECT_EQ(request.outcome(), v1::ATTEMPT_OUTCOME_FAILED);
  EXPECT_EQ(request.failure_class(), v1::FAILURE_CLASS_INTERNAL);
  EXPECT_THAT(request.failure_detail(), HasSubstr("failed by the test"));
}

TEST_F(WorkerAgentTest, WhatItCannotDoIsRefusedWithTheReason) {
  AgentOptions options = Options();
  options.targets = {Target::kX86_64};
  StartAgent(std::move(options));
  ASSERT_NE(farm_.WaitForHello(1), nullptr);
  farm_.Offer(7, [](v1::Offer& offer) { offer.set_target(v1::TARGET_RISCV64); });
  farm_.Offer(8, [](v1::Offer& offer) { offer.set_toolset("unheard of"); });
  farm_.Offer(9);
  farm_.Offer(10);
  const auto refused = [](int64_t, v1::RefuseReason reason) { return Cat("refuse ", static_cast<int>(reason)); };
  EXPECT_TRUE(farm_.WaitFor(
      [&] { return testing::Value(Said(10), ElementsAre(refused(10, v1::REFUSE_REASON_NO_FREE_SLOT))); }));
  EXPECT_THAT(Said(7), ElementsAre(refused(7, v1::REFUSE_REASON_UNSUPPORTED_TARGET)));
  EXPECT_THAT(Said(8), ElementsAre(refused(8, v1::REFUSE_REASON_UNKNOWN_TOOLSET)));
  EXPECT_TRUE(WaitForAccept(9));
}

TEST_F(WorkerAgentTest, AWorkerThatCannotIsolateSaysSoAndTakesNothing) {
  AgentOptions options = Options();
  options.isolation_error = "user namespaces are off";
  runner_.reset();
  StartAgent(std::move(options));
  const v1::Hello* hello = farm_.WaitForHello(1);
  ASSERT_NE(hello, nullptr);
  EXPECT_EQ(hello->isolation_error(), "user namespaces are off");
  farm_.Offer(7);
  EXPECT_TRUE(farm_.WaitFor([&] {
    return testing::Value(Said(7), ElementsAre(Cat("refuse ", static_cast<int>(v1::REFUSE_REASON_CANNOT_ISOLATE))));
  }));
}

TEST_F(WorkerAgentTest, AnOrderlyStopEndsBuildsSaysGoodbyeAndLeavesNothing) {
  StartAgent(Options(2));
  ASSERT_NE(farm_.WaitForHello(1), nullptr);
  farm_.Offer(7);
  farm_.Offer(8);
  ASSERT_TRUE(runner_->WaitForRunning(2));
  const absl::Time started = absl::Now();
  StopAgent();
  EXPECT_LT(absl::Now() - started, absl::Seconds(10));
  EXPECT_TRUE(runner_->WaitForRunning(0));
  EXPECT_TRUE(farm_.WaitFor([&] { return farm_.sessions_open == 0; }));
  EXPECT_TRUE(farm_.goodbye);
  EXPECT_TRUE(farm_.completions.empty());
  EXPECT_THAT(Files(), testing::IsEmpty());
}

TEST_F(WorkerAgentTest, AStopWithoutAnyCoordinatorIsQuick) {
  farm_.Stop();
  StartAgent(Options());
  const absl::Time started = absl::Now();
  StopAgent();
  EXPECT_LT(absl::Now() - started, absl::Seconds(5));
}

TEST_F(WorkerAgentTest, TheNextAddressIsTriedWhenOneDoesNotAnswer) {
  AgentOptions options = Options();
  options.coordinators = {"unix:/nowhere/at/all", farm_.address()};
  StartAgent(std::move(options));
  EXPECT_NE(farm_.WaitForHello(1), nullptr);
}

TEST_F(WorkerAgentTest, ARefusedSessionIsTriedAgain) {
  farm_.RefuseSessions({grpc::StatusCode::FAILED_PRECONDITION, "protocol version 1, this coordinator speaks 2"});
  StartAgent(Options());
  ASSERT_TRUE(farm_.WaitFor([&] { return farm_.sessions_refused >= 1; }));
  farm_.RefuseSessions(grpc::Status::OK);
  EXPECT_NE(farm_.WaitForHello(1), nullptr);
}

}  // namespace
}  // namespace gofarm::agent
