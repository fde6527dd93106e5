// Tells one webhook of batches: a loop of its own, on the coordinator that leads. It reads which batches are new or
// changed, sends one message at a time, and keeps what was said before it sends the next, so that a kill repeats at
// most the message that was under way. Nothing waits for it: a webhook that is slow or away costs nobody anything.
// Start and Stop by one thread; state() by any.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/scope.h"
#include "common/io/http_client.h"
#include "common/metrics/metrics.h"
#include "coordinator/domain/webhook.h"
#include "coordinator/webhook/answer.h"
#include "coordinator/webhook/config.h"
#include "coordinator/webhook/message.h"
#include "coordinator/webhook/plan.h"

namespace gofarm::webhook {

inline constexpr absl::Duration kRequestMax = absl::Seconds(10);
inline constexpr absl::Duration kStoreCallMax = absl::Seconds(30);
inline constexpr absl::Duration kNewsKept = absl::Seconds(2);    // older news is read again before it is told
inline constexpr absl::Duration kStoreRest = absl::Seconds(10);  // after the database failed
inline constexpr size_t kAnswerBytesMax = 64 << 10;              // the rest is not read: the status says enough
inline constexpr absl::Duration kWarnEvery = absl::Minutes(10);  // of a destination that stays away

// By the database, for one destination. FAILED_PRECONDITION: another coordinator leads.
class Messages {
 public:
  virtual ~Messages() = default;
  virtual absl::Status Register(const Scope& scope) = 0;
  virtual absl::StatusOr<int> TakeUp(const Scope& scope) = 0;
  virtual absl::StatusOr<std::vector<domain::WebhookMessage>> Open(const Scope& scope) = 0;
  virtual absl::StatusOr<std::vector<domain::BatchNews>> News(const Scope& scope,
                                                              const std::vector<BatchId>& batches) = 0;
  // What News leaves out of one batch: it costs all of its jobs.
  virtual absl::Status AddJobs(const Scope& scope, domain::BatchNews& news) = 0;
  virtual absl::StatusOr<bool> Told(const Scope& scope, const domain::WebhookTold& told) = 0;
};

// gofarm_webhook_messages_total{kind,result}, all of them from the start. Lives as long as the process. Thread-safe.
class WebhookMetrics {
 public:
  explicit WebhookMetrics(metrics::Registry& registry);
  void Add(Kind kind, Result result);

 private:
  metrics::Counter* counters_[2][static_cast<int>(kLastResult) + 1];
};

struct SenderParts {
  Destination destination;
  Messages& messages;
  io::HttpAsk ask;
  WebhookMetrics& metrics;
  BatchWriter write_batch;
  const Clock& clock = RealClock();
  std::function<double()> random;  // in [0, 1)
};

class Sender {
 public:
  explicit Sender(SenderParts parts) : parts_(std::move(parts)) {}
  ~Sender() { Stop(); }

  void Start();
  // A message that is being sent is sent and kept before this returns: kRequestMax at most.
  void Stop();

  // What is due now, without a thread: at most one request. How long to rest before the next call. An error is the
  // database's.
  absl::StatusOr<absl::Duration> RunOnce(const Scope& scope);

  struct State {
    absl::Time succeeded_at = absl::InfinitePast();  // by the wall clock
    std::string fault;                               // of the last request; empty: it was well
    bool parked = false;
  };
  State state() const;

 private:
  void Run(const std::stop_token& stop);
  absl::Status Look(const Scope& scope);
  absl::StatusOr<absl::Duration> Tell(const Scope& scope, Plan plan);
  Verdict Send(const Scope& scope, const Plan& plan) const;
  absl::StatusOr<absl::Duration> Keep(const Scope& scope, absl::Duration rest);
  void Note(const Verdict& verdict);

  const SenderParts parts_;
  // Of the loop's thread.
  bool registered_ = false;
  TimesOf times_;
  std::deque<Plan> plans_;
  absl::Time planned_at_ = absl::InfinitePast();
  absl::Time not_before_ = absl::InfinitePast();
  int failures_ = 0;     // in a row, of the destination; those of one message that is answered count once
  BatchId last_failed_;  // whose message the last of them was
  std::optional<domain::WebhookTold> said_;  // and not kept yet: nothing else is said before
  absl::Time warned_at_ = absl::InfinitePast();

  mutable absl::Mutex mutex_;
  State state_ ABSL_GUARDED_BY(mutex_);
  std::jthread thread_;
};

}  // namespace gofarm::webhook
