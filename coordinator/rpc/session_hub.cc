#include "coordinator/rpc/session_hub.h"

#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"

namespace gofarm::rpc {
namespace {

void DropPast(absl::flat_hash_map<AttemptToken, absl::Time>& tokens) {
  const absl::Time now = absl::Now();
  for (auto it = tokens.begin(); it != tokens.end();) {
    const auto here = it++;
    if (here->second < now) tokens.erase(here);
  }
}

}  // namespace

std::shared_ptr<SessionStream> SessionHub::Find(dispatch::StreamId id) const {
  absl::MutexLock lock(&mutex_);
  const auto it = streams_.find(id);
  return it == streams_.end() ? nullptr : it->second;
}

void SessionHub::Send(dispatch::StreamId stream, int64_t epoch, service::SessionMessage message) {
  if (const std::shared_ptr<SessionStream> found = Find(stream)) found->SendMessage(epoch, message);
}

void SessionHub::Close(dispatch::StreamId stream, const absl::Status& why) {
  if (const std::shared_ptr<SessionStream> found = Find(stream)) found->CloseWith(why);
}

void SessionHub::CloseAll(const absl::Status& why) {
  std::vector<std::shared_ptr<SessionStream>> all;
  {
    absl::MutexLock lock(&mutex_);
    for (const auto& [id, stream] : streams_) all.push_back(stream);
  }
  for (const auto& stream : all) stream->CloseWith(why);
}

void SessionHub::Add(dispatch::StreamId id, std::shared_ptr<SessionStream> stream) {
  absl::MutexLock lock(&mutex_);
  streams_[id] = std::move(stream);
}

void SessionHub::Remove(dispatch::StreamId id) {
  std::shared_ptr<SessionStream> removed;  // declared first: it dies after the lock is free again
  absl::MutexLock lock(&mutex_);
  if (const auto it = streams_.find(id); it != streams_.end()) {
    removed = std::move(it->second);
    streams_.erase(it);
  }
}

absl::Status SessionHub::CheckToken(const Scope& scope, AttemptToken token) {
  if (token.value <= 0) return absl::InvalidArgumentError(Cat(token.value, " is no token"));
  {
    absl::MutexLock lock(&mutex_);
    const auto it = good_.find(token);
    if (it != good_.end() && absl::Now() < it->second) return absl::OkStatus();
  }
  GOFARM_ASSIGN_OR_RETURN_CTX(const domain::TokenState state, state_of_(scope, token),
                              Cat("look for attempt ", token.value));
  switch (state) {
    case domain::TokenState::kRunning: {
      absl::MutexLock lock(&mutex_);
      if (good_.size() >= kTokensRemembered) DropPast(good_);
      good_[token] = absl::Now() + kTokenTrust;
      return absl::OkStatus();
    }
    case domain::TokenState::kOffered:
      return absl::UnavailableError(Cat("the Accept of attempt ", token.value, " is not stored yet; try again"));
    case domain::TokenState::kStale:
      break;
  }
  return absl::FailedPreconditionError(
      Cat("token ", token.value, " is not that of a running attempt; drop this attempt"));
}

void SessionHub::Forget(AttemptToken token) {
  absl::MutexLock lock(&mutex_);
  good_.erase(token);
}

void SessionHub::SetReport(const std::string& worker, const domain::WorkerReport& report) {
  absl::MutexLock lock(&mutex_);
  if (reports_.size() >= kReportsMax && reports_.count(worker) == 0) return;  // the store has it
  reports_[worker] = report;
}

std::optional<domain::WorkerReport> SessionHub::ReportOf(const std::string& worker) const {
  absl::MutexLock lock(&mutex_);
  const auto it = reports_.find(worker);
  if (it == reports_.end()) return std::nullopt;
  return it->second;
}

}  // namespace gofarm::rpc
