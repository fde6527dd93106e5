#include "tests/chaos/checker.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "common/base/text.h"

namespace gofarm::chaos {
namespace {

class Faults {
 public:
  template <typename... Args>
  void Add(std::string_view rule, const Args&... args) {
    if (++count_[std::string(rule)] <= kFaultsMax) lines_.push_back(Cat(rule, ": ", args...));
  }
  std::vector<std::string> Take() {
    for (const auto& [rule, count] : count_) {
      if (count > kFaultsMax) lines_.push_back(Cat(rule, ": ", count, " times in all"));
    }
    return std::move(lines_);
  }

 private:
  std::map<std::string, size_t> count_;
  std::vector<std::string> lines_;
};

std::string TextOf(const Wanted& w) { return Cat(w.module, "@", w.version, " for target ", w.target); }

// Every batch that was acknowledged is there once, with all of its jobs, each once, all ended.
void CheckBatches(const Told& told, const Stored& stored, Faults& faults) {
  std::map<std::string, std::vector<int64_t>> by_request;
  for (const auto& [id, batch] : stored.batches) by_request[batch.request_id].push_back(id);
  for (const auto& [request, batch] : told.batches) {
    const auto found = by_request.find(request);
    if (batch.altered_taken) faults.Add("request id taken twice", request, " made a batch of other content");
    if (batch.ids.size() > 1)
      faults.Add("request answered differently", request, " got ", batch.ids.size(), " batches");
    if (found == by_request.end()) {
      if (!batch.ids.empty()) faults.Add("batch lost", request, " was answered with batch ", *batch.ids.begin());
      continue;
    }
    if (found->second.size() > 1) faults.Add("batch doubled", request);
    const int64_t id = found->second.front();
    if (!batch.ids.empty() && batch.ids.count(id) == 0) faults.Add("batch lost", request, " is another batch, ", id);
    const StoredBatch& there = stored.batches.at(id);
    std::set<Wanted> linked;
    for (const int64_t job : there.jobs) {
      const auto row = stored.jobs.find(job);
      if (row == stored.jobs.end()) {
        faults.Add("job lost", "batch ", id, " links job ", job, ", which is not there");
      } else if (!linked.insert(row->second.what).second) {
        faults.Add("job doubled", "batch ", id, " has two jobs of ", TextOf(row->second.what));
      } else if (batch.wanted.count(row->second.what) == 0) {
        faults.Add("job of nobody", "batch ", id, " has job ", job, ", which was not ordered");
      } else if (row->second.state == JobState::kCancelled && !there.cancelled && told.jobs_cancelled.count(job) == 0) {
        faults.Add("job cancelled by nobody", "job ", job, " of batch ", id, ", which is not cancelled");
      }
    }
    for (const Wanted& what : batch.wanted) {
      if (linked.count(what) == 0) faults.Add("job lost", "batch ", id, " has no job of ", TextOf(what));
    }
    if (there.cancelled && !batch.cancel_asked) faults.Add("batch cancelled by nobody", "batch ", id);
    if (!there.cancelled && batch.cancel_answered) faults.Add("cancel lost", "batch ", id);
  }
  for (const auto& [id, batch] : stored.batches) {
    if (told.batches.count(batch.request_id) == 0) faults.Add("batch of nobody", "batch ", id);
    std::map<JobState, int64_t> counts;
    for (const int64_t job : batch.jobs) {
      if (const auto row = stored.jobs.find(job); row != stored.jobs.end()) ++counts[row->second.state];
    }
    if (counts != batch.counts) faults.Add("counts", "those of batch ", id, " are not the sum of its jobs");
  }
}

// What the coordinator gave up as lost has no answer; that it ended the job stands with the job.
bool GaveTheEnd(int64_t token, const StoredAttempt& a, const StoredJob& job) {
  if (a.outcome == AttemptOutcome::kLost) return job.result_token == token;
  return a.answered && IsEnded(a.answered_state);
}

// Every job ended, by one attempt at most, by its last one, and in the state that this one gave it.
void CheckJobs(const Stored& stored, Faults& faults) {
  std::map<int64_t, std::vector<int64_t>> tokens;
  for (const auto& [token, attempt] : stored.attempts) tokens[attempt.job].push_back(token);
  std::map<std::pair<Wanted, int>, int64_t> generations;
  for (const auto& [id, job] : stored.jobs) {
    if (!generations.emplace(std::pair(job.what, job.generation), id).second) {
      faults.Add("job doubled", "two of generation ", job.generation, " of ", TextOf(job.what));
    }
    std::optional<int64_t> winner;
    for (const int64_t token : tokens[id]) {
      const StoredAttempt& attempt = stored.attempts.at(token);
      if (winner)
        faults.Add("two results", "job ", id, " ended by attempt ", *winner, " has attempt ", token, " after it");
      if (GaveTheEnd(token, attempt, job)) winner = token;
    }
    if (!IsEnded(job.state)) {
      faults.Add("job not ended", "job ", id, " is ", Name(job.state));
      continue;
    }
    if (job.result_token != winner.value_or(0)) {
      faults.Add("result of nobody", "job ", id, " is ", Name(job.state), " by attempt ", job.result_token, ", but ",
                 winner.value_or(0), " ended it");
    }
    if (!winner && job.state != JobState::kCancelled)
      faults.Add("ended by nobody", "job ", id, " is ", Name(job.state));
    if (winner && stored.attempts.at(*winner).answered && stored.attempts.at(*winner).answered_state != job.state) {
      faults.Add("result changed", "job ", id, " is ", Name(job.state), ", its attempt ", *winner, " was told ",
                 Name(stored.attempts.at(*winner).answered_state));
    }
  }
  if (stored.queue_rows != 0) faults.Add("queue not empty", stored.queue_rows, " rows");
  if (stored.lease_rows != 0) faults.Add("leases left", stored.lease_rows, " rows");
}

// Whether the attempt as it is stored can come of this completion.
bool Explains(const ToldCompletion& c, const StoredAttempt& a) {
  const std::string sha256 = a.executables.empty() ? "" : a.executables.front();
  if (!c.untrue && Story{a.outcome, a.failure, sha256} == c.story) return true;
  if (a.outcome != AttemptOutcome::kFailed || !a.executables.empty()) return false;
  if (c.untrue) return a.failure == FailureClass::kInternal || a.failure == FailureClass::kToolchainBroken;
  return c.story.outcome == AttemptOutcome::kCancelled && a.failure == FailureClass::kInternal;
}

// Every answered completion is stored once; nothing is stored that the attempt's own worker did not report first.
void CheckCompletions(const Told& told, const Stored& stored, Faults& faults) {
  std::map<int64_t, std::vector<const ToldCompletion*>> by_token;
  for (const ToldCompletion& c : told.completions) by_token[c.token].push_back(&c);
  std::map<int64_t, absl::Time> first_taken;
  for (const auto& [token, calls] : by_token) {
    for (const ToldCompletion* c : calls) {
      if (c->reply != Reply::kTaken) continue;
      const auto [it, fresh] = first_taken.emplace(token, c->answered);
      if (!fresh) it->second = std::min(it->second, c->answered);
      const auto row = stored.attempts.find(token);
      if (row == stored.attempts.end()) {
        faults.Add("completion lost", "that of attempt ", token, " was taken, and there is no such attempt");
      } else if (row->second.job != c->job) {
        faults.Add("completion of another job", "attempt ", token, " was taken for job ", c->job);
      } else if (!row->second.answered || row->second.answered_state != c->job_state) {
        faults.Add("answers differ", "attempt ", token, " was told ", Name(c->job_state), " and has ",
                   row->second.answered ? Name(row->second.answered_state) : "none");
      }
    }
  }
  for (const auto& [token, attempt] : stored.attempts) {
    if (attempt.outcome == AttemptOutcome::kRunning) faults.Add("attempt not ended", "attempt ", token);
    if (attempt.executables.size() > 1) faults.Add("executables doubled", "attempt ", token);
    if (attempt.outcome == AttemptOutcome::kRunning || attempt.outcome == AttemptOutcome::kLost) continue;
    const auto taken = first_taken.find(token);
    const auto calls = by_token.find(token);
    const bool explained =
        calls != by_token.end() &&
        std::any_of(calls->second.begin(), calls->second.end(),
                    [&taken, &first_taken, &attempt = attempt](const ToldCompletion* c) {
                      const bool in_time = taken == first_taken.end() || c->asked <= taken->second;
                      return in_time && c->worker == attempt.worker && c->job == attempt.job && Explains(*c, attempt);
                    });
    if (!explained) {
      faults.Add("result of nobody", "attempt ", token, " of ", attempt.worker, " is ", Name(attempt.outcome), " ",
                 Name(attempt.failure), ", which its worker did not report, or only later");
    }
  }
}

// A token is one worker's and one job's, and no two attempts of a job live at once.
void CheckAttempts(const Told& told, const Stored& stored, Faults& faults) {
  std::map<int64_t, const ToldOffer*> offered;
  for (const ToldOffer& offer : told.offers) {
    if (!offered.emplace(offer.token, &offer).second) faults.Add("offer doubled", "token ", offer.token);
  }
  std::map<int64_t, const StoredAttempt*> last_of_job;
  for (const auto& [token, attempt] : stored.attempts) {
    const auto offer = offered.find(token);
    if (offer == offered.end() || offer->second->worker != attempt.worker || offer->second->job != attempt.job) {
      faults.Add("attempt of another", "attempt ", token, " of job ", attempt.job, " stands for ", attempt.worker,
                 ", which was not offered it");
    }
    const StoredAttempt*& last = last_of_job[attempt.job];
    if (last != nullptr && attempt.started < last->ended) faults.Add("two attempts at once", "job ", attempt.job);
    last = &attempt;
  }

  struct Life {
    absl::Time from = absl::InfiniteFuture();  // alive from here at the latest
    absl::Time until = absl::InfinitePast();   // and to here at least
  };
  std::map<int64_t, std::map<int64_t, Life>> lives;
  for (const SignOfLife& sign : told.signs) {
    Life& life = lives[sign.job][sign.token];
    life.from = std::min(life.from, sign.answered);
    life.until = std::max(life.until, sign.asked);
  }
  for (const auto& [job, of_job] : lives) {
    absl::Time until = absl::InfinitePast();
    std::vector<Life> sorted;
    for (const auto& [token, life] : of_job) {
      if (life.from <= life.until) sorted.push_back(life);
    }
    std::sort(sorted.begin(), sorted.end(), [](const Life& a, const Life& b) { return a.from < b.from; });
    for (const Life& life : sorted) {
      if (life.from < until) faults.Add("two attempts at once", "job ", job, ", as its workers saw it");
      until = std::max(until, life.until);
    }
  }
}

// What a customer saw of a job holds: an ended one stays as it is, and a batch never goes back to an older try.
void CheckShown(const Told& told, const Stored& stored, Faults& faults) {
  std::map<std::string, std::map<Wanted, int64_t>> linked;
  for (const auto& [id, batch] : stored.batches) {
    for (const int64_t job : batch.jobs) {
      if (const auto row = stored.jobs.find(job); row != stored.jobs.end()) {
        linked[batch.request_id][row->second.what] = job;
      }
    }
  }
  for (const ToldJob& shown : told.jobs) {
    const auto row = stored.jobs.find(shown.id);
    if (row == stored.jobs.end()) {
      faults.Add("job lost", "job ", shown.id, " was shown as ", Name(shown.state));
    } else if (IsEnded(shown.state) && row->second.state != shown.state) {
      faults.Add("result changed", "job ", shown.id, " was shown as ", Name(shown.state), " and is ",
                 Name(row->second.state));
    }
    if (linked[shown.request_id][shown.what] < shown.id) {
      faults.Add("retry lost", shown.request_id, " had job ", shown.id, " of ", TextOf(shown.what));
    }
  }
}

void CheckBytes(const Told& told, const Stored& stored, Faults& faults) {
  for (const auto& [sha256, got] : stored.downloads) {
    if (sha256 != got) faults.Add("artifact lost", sha256, " came as ", got);
  }
  for (const auto& [token, read] : stored.logs) {
    const auto acknowledged = told.logs.find(token);
    if (acknowledged == told.logs.end()) continue;
    if (read.compare(0, acknowledged->second.size(), acknowledged->second) != 0) {
      faults.Add("log lost", "attempt ", token, ": ", acknowledged->second.size(), " bytes were acknowledged, ",
                 read.size(), " can be read");
    }
  }
}

}  // namespace

std::vector<std::string> Check(const Told& told, const Stored& stored) {
  Faults faults;
  CheckBatches(told, stored, faults);
  CheckJobs(stored, faults);
  CheckCompletions(told, stored, faults);
  CheckAttempts(told, stored, faults);
  CheckShown(told, stored, faults);
  CheckBytes(told, stored, faults);
  return faults.Take();
}

}  // namespace gofarm::chaos
