#include "tests/chaos/ledger.h"

namespace gofarm::chaos {
namespace {

constexpr size_t kLateOffers = 64;

}  // namespace

void Ledger::Offered(const ToldOffer& offer) {
  const absl::MutexLock lock(&mutex_);
  told_.offers.push_back(offer);
  late_offers_.push_back(offer);
  if (late_offers_.size() > kLateOffers) late_offers_.pop_front();
}

void Ledger::Completed(const ToldCompletion& completion) {
  const absl::MutexLock lock(&mutex_);
  told_.completions.push_back(completion);
}

void Ledger::Alive(const SignOfLife& sign) {
  const absl::MutexLock lock(&mutex_);
  told_.signs.push_back(sign);
}

void Ledger::Logged(int64_t token, const std::string& text) {
  const absl::MutexLock lock(&mutex_);
  told_.logs[token] = text;
}

void Ledger::FailedFor(int64_t job) {
  const absl::MutexLock lock(&mutex_);
  ++failures_[job];
}

int Ledger::FailuresOf(int64_t job) const {
  const absl::MutexLock lock(&mutex_);
  const auto found = failures_.find(job);
  return found == failures_.end() ? 0 : found->second;
}

std::optional<ToldOffer> Ledger::OfferToAnother(const std::string& worker) const {
  const absl::MutexLock lock(&mutex_);
  for (auto it = late_offers_.rbegin(); it != late_offers_.rend(); ++it) {
    if (it->worker != worker) return *it;
  }
  return std::nullopt;
}

void Ledger::Ordered(const std::string& request_id, const std::set<Wanted>& wanted) {
  const absl::MutexLock lock(&mutex_);
  told_.batches[request_id].wanted = wanted;
}

void Ledger::Answered(const std::string& request_id, int64_t batch) {
  const absl::MutexLock lock(&mutex_);
  told_.batches[request_id].ids.insert(batch);
}

void Ledger::AlteredTaken(const std::string& request_id) {
  const absl::MutexLock lock(&mutex_);
  told_.batches[request_id].altered_taken = true;
}

void Ledger::CancelAsked(const std::string& request_id) {
  const absl::MutexLock lock(&mutex_);
  told_.batches[request_id].cancel_asked = true;
}

void Ledger::CancelAnswered(const std::string& request_id) {
  const absl::MutexLock lock(&mutex_);
  told_.batches[request_id].cancel_answered = true;
}

void Ledger::JobCancelAsked(int64_t job) {
  const absl::MutexLock lock(&mutex_);
  told_.jobs_cancelled.insert(job);
}

void Ledger::Shown(const ToldJob& job) {
  const absl::MutexLock lock(&mutex_);
  told_.jobs.push_back(job);
}

void Ledger::Count(const std::string& what) {
  const absl::MutexLock lock(&mutex_);
  ++counts_[what];
}

std::map<std::string, int64_t> Ledger::counts() const {
  const absl::MutexLock lock(&mutex_);
  return counts_;
}

Told Ledger::told() const {
  const absl::MutexLock lock(&mutex_);
  return told_;
}

}  // namespace gofarm::chaos
