// A worker that speaks the protocol from the proto files alone, builds nothing and does what the plan says: ends its
// attempts in every way, or in none. It writes down what it was told. Honest ones only build and fail.
//
// Threads: one for the session, one for heartbeats, one for each slot. The public methods are for one thread.
#pragma once

#include <gofarm/v1/worker.grpc.pb.h>
#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "tests/chaos/ledger.h"
#include "tests/chaos/plan.h"
#include "tests/chaos/relay.h"

namespace gofarm::chaos {

struct SaboteurOptions {
  uint64_t seed = 1;
  std::string name;
  std::string relay_path;   // where its own connection to the coordinator is made
  std::string coordinator;  // path of its socket
  int slots = 4;
  bool honest = false;
};

class Saboteur {
 public:
  Saboteur(SaboteurOptions options, Ledger& ledger);
  ~Saboteur();
  void Cut() { relay_.Cut(); }
  void StallUntil(absl::Time until) { relay_.StallUntil(until); }
  // Takes nothing any more and ends, with a last word or without one.
  void Quit(bool with_goodbye);

 private:
  struct Session {
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientReaderWriter<v1::WorkerMessage, v1::CoordinatorMessage>> stream;
    absl::Mutex writing;
    bool over ABSL_GUARDED_BY(writing) = false;
  };
  struct Given {
    v1::Offer offer;
    std::string secret;  // of the session that it came on
  };
  // An attempt of this worker, while a slot works on it.
  struct Attempt {
    Given given;
    DeedPlan plan;
    std::string log;
    bool life_told = false;
    int64_t token() const { return given.offer.token(); }
    int64_t job() const { return given.offer.job_id(); }
  };
  // What the session has to know of an attempt.
  struct Held {
    int64_t job = 0;
    bool cancelled = false;
    bool dropped = false;
  };
  // What a completion says, with the bytes of its executable.
  struct Tale {
    Story story;
    std::string program;
    bool untrue = false;
  };

  // saboteur.cc: the session
  void RunSession();
  void HoldSession(const std::shared_ptr<Session>& session);
  void Hear(const v1::CoordinatorMessage& message);
  v1::WorkerMessage Hello();
  void Say(const v1::WorkerMessage& message);
  void SayReady();
  void BreakSession();
  void Die();
  void Beat();
  void RunSlot();
  bool Sleep(absl::Duration duration) const;
  bool Stopping() const { return stop_.stop_requested(); }
  Held StateOf(int64_t token);
  void Release(int64_t token);

  // deeds.cc: one attempt
  void Perform(const Given& given);
  void Act(Attempt& attempt);
  void BuildAndComplete(Attempt& attempt);
  void BuildAndCompleteTwice(Attempt& attempt);
  void TellTwoStoriesAtOnce(Attempt& attempt);
  void UseStaleTokens(Attempt& attempt);
  void UseGarbageTokens(Attempt& attempt);
  void SayGarbage(const Attempt& attempt);
  Tale BuiltBy(const Attempt& attempt) const;

  // calls.cc: what a worker asks of its coordinator
  std::unique_ptr<grpc::ClientContext> Context(const std::string& secret) const;
  void WriteLog(Attempt& attempt);
  grpc::Status AppendOnce(Attempt& attempt, int64_t token);
  grpc::Status UploadOnce(const Attempt& attempt, int64_t token, const std::string& sha256, const std::string& bytes,
                          size_t stop_after);
  bool Upload(const Attempt& attempt, const std::string& bytes);
  Reply CompleteOnce(const Attempt& attempt, int64_t token, int64_t job, const Tale& tale);
  // Until it is answered.
  Reply Complete(Attempt& attempt, const Tale& tale);

  const SaboteurOptions options_;
  Ledger& ledger_;
  Relay relay_;
  const std::unique_ptr<v1::Worker::Stub> stub_;
  std::stop_source stop_;   // of the slots
  std::stop_source leave_;  // of the session

  absl::Mutex mutex_;
  std::shared_ptr<Session> session_ ABSL_GUARDED_BY(mutex_);
  bool welcomed_ ABSL_GUARDED_BY(mutex_) = false;
  std::string secret_ ABSL_GUARDED_BY(mutex_);
  std::map<int64_t, Held> held_ ABSL_GUARDED_BY(mutex_);  // by token
  std::deque<Given> offers_ ABSL_GUARDED_BY(mutex_);
  std::optional<Given> last_ ABSL_GUARDED_BY(mutex_);  // that it ended
  int64_t number_ ABSL_GUARDED_BY(mutex_) = 0;
  int deaths_ ABSL_GUARDED_BY(mutex_) = 0;

  std::jthread session_thread_, beat_thread_;
  std::vector<std::jthread> slots_;
};

}  // namespace gofarm::chaos
