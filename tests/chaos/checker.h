// Whether a farm that was sabotaged lost or doubled anything: what its customers and workers were told, held against
// what it stored. Pure; checker_test.cc shows that each rule can fail.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "common/vocab/failure.h"

namespace gofarm::chaos {

struct Wanted {
  std::string module;
  std::string version;
  int target = 0;
  auto operator<=>(const Wanted&) const = default;
};

// ---- what was told --------------------------------------------------------------------------------------------------

struct ToldBatch {
  std::set<Wanted> wanted;
  std::set<int64_t> ids;  // that the farm answered for this request id; empty: never answered
  bool cancel_asked = false;
  bool cancel_answered = false;  // the farm said that it is cancelled
  bool altered_taken = false;    // other content under its request id was taken
};

// What a completion says of its attempt.
struct Story {
  AttemptOutcome outcome = AttemptOutcome::kFailed;
  FailureClass failure = FailureClass::kNone;
  std::string sha256;  // of its executable; empty: none
  auto operator<=>(const Story&) const = default;
};

enum class Reply { kTaken, kRefused, kNone };  // kNone: no answer, or one that says "ask again"
struct ToldCompletion {
  int64_t token = 0;
  int64_t job = 0;
  std::string worker;
  Story story;
  bool untrue = false;  // the farm is to find that out and to end the attempt as failed
  absl::Time asked;
  absl::Time answered;
  Reply reply = Reply::kNone;
  JobState job_state = JobState::kQueued;  // kTaken
};

struct ToldOffer {
  int64_t token = 0;
  int64_t job = 0;
  std::string worker;
};

// A job as a listing of its batch showed it.
struct ToldJob {
  std::string request_id;  // of the batch
  int64_t id = 0;
  Wanted what;
  JobState state = JobState::kQueued;
};

// The farm took something of the attempt, so its lease lived at some moment between these two.
struct SignOfLife {
  int64_t token = 0;
  int64_t job = 0;
  absl::Time asked;
  absl::Time answered;
};

struct Told {
  std::map<std::string, ToldBatch> batches;  // by request id
  std::vector<ToldJob> jobs;
  std::vector<ToldOffer> offers;
  std::vector<ToldCompletion> completions;
  std::vector<SignOfLife> signs;
  std::set<int64_t> jobs_cancelled;     // whose cancellation was asked for one by one
  std::map<int64_t, std::string> logs;  // by token: the bytes that were acknowledged
};

// ---- what is stored -------------------------------------------------------------------------------------------------

struct StoredJob {
  Wanted what;
  int generation = 1;
  JobState state = JobState::kQueued;
  FailureClass failure = FailureClass::kNone;
  int64_t result_token = 0;
};
struct StoredAttempt {
  int64_t job = 0;
  std::string worker;
  AttemptOutcome outcome = AttemptOutcome::kRunning;
  FailureClass failure = FailureClass::kNone;
  JobState answered_state = JobState::kQueued;
  bool answered = false;
  absl::Time started;
  absl::Time ended;
  std::vector<std::string> executables;  // digests
};
struct StoredBatch {
  std::string request_id;
  bool cancelled = false;
  std::vector<int64_t> jobs;
  std::map<JobState, int64_t> counts;  // as the farm tells them
};
struct Stored {
  std::map<int64_t, StoredJob> jobs;
  std::map<int64_t, StoredAttempt> attempts;  // by token
  std::map<int64_t, StoredBatch> batches;
  int64_t queue_rows = 0;
  int64_t lease_rows = 0;
  std::map<std::string, std::string> downloads;  // of some digests: the digest of what came
  std::map<int64_t, std::string> logs;           // of some tokens: what can be read
};

// One line for each broken rule, at most kFaultsMax of each kind; empty: nothing is lost or doubled.
inline constexpr size_t kFaultsMax = 5;
std::vector<std::string> Check(const Told& told, const Stored& stored);

}  // namespace gofarm::chaos
