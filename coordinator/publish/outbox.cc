#include "coordinator/publish/outbox.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "common/base/backoff.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/obs/log.h"
#include "common/publish/versions.h"
#include "common/sync/wait.h"

namespace gofarm::publish {
namespace {

constexpr BackoffPolicy kTries = {.first = kTryFirst, .longest = kTryLongest};

class StoreOutbox final : public Outbox {
 public:
  explicit StoreOutbox(store::PublishStore& store) : store_(store) {}
  absl::StatusOr<std::vector<domain::Publication>> Due(const Scope& scope, std::string_view destination,
                                                       int limit) override {
    return store_.Due(scope, destination, limit);
  }
  absl::StatusOr<bool> Settle(const Scope& scope, const store::Settled& settled) override {
    return store_.Settle(scope, settled);
  }
  absl::StatusOr<std::vector<domain::Publication>> OfProgram(const Scope& scope, std::string_view destination,
                                                             const domain::Release& program,
                                                             std::string_view version) override {
    return store_.OfProgram(scope, destination, program.module, program.import_path, version,
                            store::kPublicationPageMax);
  }
  absl::StatusOr<std::vector<domain::Attachment>> AttachmentsOf(const Scope& scope, AttemptToken token) override {
    GOFARM_ASSIGN_OR_RETURN(auto rows, store_.AttachmentsOf(scope, {token}));
    std::vector<domain::Attachment> attachments;
    for (auto& row : rows) attachments.push_back(std::move(row.second));
    return attachments;
  }
  absl::StatusOr<domain::Attachment> Keep(const Scope& scope, AttemptToken token,
                                          const domain::Attachment& attachment) override {
    return store_.Keep(scope, token, attachment);
  }
  absl::StatusOr<bool> HasTwin(const Scope& scope, std::string_view module) override {
    return store_.HasTwin(scope, module);
  }
  absl::StatusOr<std::string> WhyWithdrawn(const Scope& scope, std::string_view module,
                                           std::string_view version) override {
    return store_.WhyWithdrawn(scope, module, version);
  }

 private:
  store::PublishStore& store_;
};

}  // namespace

std::unique_ptr<Outbox> MakeStoreOutbox(store::PublishStore& store) { return std::make_unique<StoreOutbox>(store); }

store::Settled AfterFailure(const domain::Publication& row, const absl::Status& why, double random) {
  const oci::Failure failure = oci::FailureOf(why);
  const int tries = row.tries + 1;
  // What is known of what stands there stays known: it may have to be taken away.
  store::Settled settled{.id = row.id,
                         .change = row.change,
                         .failure_class = std::string(oci::FailureClassName(failure.why)),
                         .detail = EscapeAndClip(Sv(why.message()), kFailureDetailMax),
                         .digest = row.digest};
  const int most = failure.why == oci::FailureClass::kDigestMismatch ? kMismatchTriesMax : kTriesMax;
  if (!oci::WorthRetry(failure.why)) {
    settled.state = domain::PublicationState::kParked;
  } else if (tries >= most) {
    settled.state = domain::PublicationState::kParked;
    settled.detail = Cat("gave up after ", tries, " tries; the last one: ", settled.detail);
  } else {
    settled.state = domain::PublicationState::kFailed;
    settled.wait = std::max(BackoffDelay(kTries, tries, random), failure.retry_after.value_or(absl::ZeroDuration()));
  }
  return settled;
}

store::Settled AfterSuccess(const domain::Publication& row, const Carried& carried) {
  return {.id = row.id,
          .change = row.change,
          .state = row.withdraw ? domain::PublicationState::kWithdrawn : domain::PublicationState::kPublished,
          .failure_class = "",
          .detail = EscapeAndClip(carried.detail, kFailureDetailMax),
          .digest = carried.digest};
}

bool ConcernsAll(oci::FailureClass why) {
  switch (why) {
    case oci::FailureClass::kUnauthorized:
    case oci::FailureClass::kRateLimited:
    case oci::FailureClass::kUnavailable:
    case oci::FailureClass::kTimedOut:
      return true;
    default:
      return false;
  }
}

std::vector<std::vector<domain::Publication>> ByProgram(std::vector<domain::Publication> due) {
  std::vector<std::vector<domain::Publication>> programs;
  std::map<std::pair<std::string, std::string>, size_t> places;
  for (domain::Publication& row : due) {
    const auto [place, fresh] = places.try_emplace({row.release.module, row.release.import_path}, programs.size());
    if (fresh) programs.emplace_back();
    programs[place->second].push_back(std::move(row));
  }
  for (std::vector<domain::Publication>& rows : programs) {
    std::stable_sort(rows.begin(), rows.end(), [](const domain::Publication& a, const domain::Publication& b) {
      const int versions = CompareVersions(a.release.version, b.release.version);
      return versions != 0 ? versions < 0 : a.release.target < b.release.target;
    });
  }
  return programs;
}

// Of the threads of one round.
class DestinationLoop::Shared {
 public:
  explicit Shared(std::vector<std::vector<domain::Publication>> programs) : programs_(std::move(programs)) {}

  const std::vector<domain::Publication>* Next() {
    const absl::MutexLock lock(&mutex_);
    if (ended_ || next_ == programs_.size()) return nullptr;
    return &programs_[next_++];
  }
  bool Ended() {
    const absl::MutexLock lock(&mutex_);
    return ended_;
  }
  void Settled(const store::Settled& row, bool concerns_all) {
    const absl::MutexLock lock(&mutex_);
    ++round_.settled;
    if (!concerns_all) return;
    ended_ = true;
    const absl::Duration rest = row.wait > absl::ZeroDuration() ? row.wait : kOutboxRest;
    round_.rest = std::max(round_.rest, std::min(rest, kOutboxRestMax));
  }
  void OwnFault(const absl::Status& why) {
    const absl::MutexLock lock(&mutex_);
    ended_ = true;
    if (error_.ok()) error_ = why;
  }
  absl::StatusOr<Round> Result() {
    const absl::MutexLock lock(&mutex_);
    if (!error_.ok()) return error_;
    return round_;
  }

 private:
  const std::vector<std::vector<domain::Publication>> programs_;
  absl::Mutex mutex_;
  size_t next_ ABSL_GUARDED_BY(mutex_) = 0;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  Round round_ ABSL_GUARDED_BY(mutex_);
  absl::Status error_ ABSL_GUARDED_BY(mutex_);
};

void DestinationLoop::Start() {
  thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
}

void DestinationLoop::Stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void DestinationLoop::Run(const std::stop_token& stop) {
  absl::Duration wait = absl::ZeroDuration();
  while (sync::SleepFor(stop, wait)) {
    const absl::StatusOr<Round> round = RunOnce({.stop = stop});
    if (stop.stop_requested()) return;
    if (!round.ok()) {
      obs::Error("outbox_failed", {{"destination", parts_.name}, {"error", std::string(round.status().message())}});
      wait = kOutboxRest;
      continue;
    }
    if (round->settled > 0) obs::Info("outbox", {{"destination", parts_.name}, {"settled", Cat(round->settled)}});
    wait = round->rest > absl::ZeroDuration() ? round->rest : round->settled > 0 ? absl::ZeroDuration() : kOutboxLook;
  }
}

absl::StatusOr<DestinationLoop::Round> DestinationLoop::RunOnce(const Scope& scope) {
  GOFARM_ASSIGN_OR_RETURN(std::vector<domain::Publication> due,
                          parts_.outbox.Due(scope.Within(kOutboxRest), parts_.name, kOutboxRowsMax));
  GOFARM_RETURN_IF_ERROR(parts_.carrier->Refresh(scope.Within(kOutboxVersionMax)));
  if (due.empty()) return Round();
  Shared shared(ByProgram(std::move(due)));
  const auto work = [&] {
    while (const std::vector<domain::Publication>* program = shared.Next()) {
      Carry(scope, *program, shared);
    }
  };
  {
    std::vector<std::jthread> threads;
    for (int i = 1; i < parts_.parallel; ++i) threads.emplace_back(work);
    work();
  }
  return shared.Result();
}

void DestinationLoop::Carry(const Scope& scope, const std::vector<domain::Publication>& program, Shared& shared) {
  for (size_t begin = 0, end = 0; begin < program.size() && !shared.Ended(); begin = end) {
    ProgramWork work;
    const domain::Release& release = program[begin].release;
    while (end < program.size() && program[end].release.version == release.version) work.due.push_back(program[end++]);
    // Not of what settles the rows: a version that took all of its time is told so, and waits before its next try.
    const Scope within = scope.Within(parts_.version_time);
    absl::StatusOr<std::vector<domain::Publication>> all =
        parts_.outbox.OfProgram(within, parts_.name, release, release.version);
    if (!all.ok()) return shared.OwnFault(all.status());
    work.all = *std::move(all);
    const absl::StatusOr<std::vector<absl::StatusOr<Carried>>> results = parts_.carrier->Carry(within, work);
    if (!results.ok()) return shared.OwnFault(results.status());
    for (size_t i = 0; i < work.due.size(); ++i) {
      const domain::Publication& row = work.due[i];
      const absl::StatusOr<Carried>& result = (*results)[i];
      const oci::FailureClass why = result.ok() ? oci::FailureClass::kLocal : oci::FailureOf(result.status()).why;
      if (!result.ok() && why == oci::FailureClass::kStopped) return;
      const store::Settled settled =
          result.ok() ? AfterSuccess(row, *result) : AfterFailure(row, result.status(), parts_.random());
      const absl::StatusOr<bool> done = parts_.outbox.Settle(scope.Within(kOutboxRest), settled);
      if (!done.ok()) return shared.OwnFault(done.status());
      if (!result.ok()) {
        obs::Warn("not_published_there", {{"destination", parts_.name},
                                          {"program", Cat(row.release.import_path, "@", row.release.version)},
                                          {"target", std::string(TargetName(row.release.target))},
                                          {"why", settled.failure_class},
                                          {"detail", settled.detail}});
      }
      shared.Settled(settled, !result.ok() && ConcernsAll(why));
    }
  }
}

}  // namespace gofarm::publish
