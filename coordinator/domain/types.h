// The values that the coordinator's parts hand each other: what was asked, what came of it, what operators read. Those
// of queue, offers and sessions stand in dispatch_store.h. Plain data, no I/O, no protobuf: the RPC edge converts.
// Instants are absl::Time; absl::InfinitePast() means never.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/base/ids.h"
#include "common/vocab/failure.h"
#include "common/vocab/labels.h"
#include "common/vocab/report.h"
#include "common/vocab/target.h"
#include "common/vocab/worker_report.h"
#include "coordinator/domain/publishing.h"

namespace gofarm::domain {

// ---- asking -----------------------------------------------------------------------------------------------------

struct SubmitEntry {
  int line = 0;                      // where it stood in the list; arguments count from 1
  std::string module;                // as written
  std::string version;               // as written; empty or "latest": resolve
  std::vector<Target> targets = {};  // empty: those of the request
};

struct SubmitRequest {
  std::string request_id;  // 1 to 64 of [A-Za-z0-9_-]; a repeat within a week gets the first answer
  std::string name;
  std::string submitter;
  std::vector<Target> targets;  // empty: all
  bool force = false;           // a new generation of every job
  int priority = 0;             // higher first
  Labels labels;                // of the workers that may build it
  std::vector<SubmitEntry> entries;
  std::string content_sha256;  // of what is asked, for repeats; empty: taken of this request
  // Entries that cannot be built, as their version is gone for one, are left out and told; else one refuses them all.
  bool leave_out = false;
};

// One job that a batch wants, checked and resolved.
struct WantedJob {
  std::string module;
  std::string version;
  Target target = Target::kX86_64;
  std::string recipe_digest;
};

struct JobCounts {
  int64_t queued = 0, running = 0, built = 0, partial = 0, nothing_to_build = 0, failed = 0, cancelled = 0;
  auto operator<=>(const JobCounts&) const = default;
};

struct Batch {
  BatchId id;
  std::string name;
  BatchState state = BatchState::kRunning;
  std::string submitter;
  absl::Time created_at;
  JobCounts jobs;
  int64_t executables = 0;
};

struct LeftOut {
  int line = 0;  // of its entry
  std::string why;
};

struct BatchReceipt {
  Batch batch;  // id 0: every entry was left out, and nothing was stored
  std::vector<std::string> warnings;
  bool repeated_request = false;
  std::vector<LeftOut> left_out;  // by line, each once
};

// ---- results of an attempt ------------------------------------------------------------------------------------------

struct CompletedAttempt : AttemptReport {
  AttemptToken token;
  JobId job;
  Publishing publishing;
};

// ---- reading ------------------------------------------------------------------------------------------------------

struct Attempt {
  AttemptToken token;
  std::string worker;
  AttemptOutcome outcome = AttemptOutcome::kRunning;
  absl::Time started_at = absl::InfinitePast();
  absl::Time ended_at = absl::InfinitePast();
  // As recorded, which need not be what the report says (see DecideEnd).
  FailureClass failure_class = FailureClass::kNone;
  std::string failure_detail;
  AttemptReport report;  // empty of an attempt that runs or was lost; lists leave out what only one job's page shows
};

struct ArtifactRow {
  std::string name, import_path, module, version;
  Target target = Target::kX86_64;
  int64_t size = 0;
  std::string sha256, blake3, main_version, go_version;
  Smoke smoke = Smoke::kNotRun;
  std::string smoke_detail;
  JobId job;
};

// One executable of a rebuild, as it compares with the build before.
struct RebuildResult {
  JobId rebuild;  // the job
  std::string import_path, worker;
  bool reproduced = false;
  std::string detail;  // what differs, in one line
  absl::Time at = absl::InfinitePast();
};

struct Job {
  JobId id;
  JobId rebuild_of;                     // 0: it is no rebuild
  std::vector<RebuildResult> rebuilds;  // of a rebuild its own results, of any other job those of its rebuilds
  std::vector<BatchId> batches;
  std::string module, version;
  Target target = Target::kX86_64;
  JobState state = JobState::kQueued;
  FailureClass failure_class = FailureClass::kNone;
  std::string failure_detail;
  std::vector<Attempt> attempts;               // by token
  std::vector<ArtifactRow> executables;        // by import path
  std::vector<FailedProgram> failed_programs;  // by import path
  std::string toolset, recipe_digest;
  int generation = 1;
  absl::Time created_at = absl::InfinitePast();
  absl::Time ended_at = absl::InfinitePast();
  // Of a queued job whose last attempt failed: when it may be offered again; InfinitePast: now.
  absl::Time not_before = absl::InfinitePast();
};

// What a token stands for right now. kOffered: its worker may build already, and the Accept is not stored yet.
enum class TokenState { kStale, kOffered, kRunning };
struct TokenFacts {
  TokenState state = TokenState::kStale;
  std::string worker;         // that runs the attempt; empty unless kRunning
  std::string secret_sha256;  // of its session
};

// ---- workers --------------------------------------------------------------------------------------------------------

// One worker, or all that have these labels: one of both is given.
struct WorkerChoice {
  std::string name;
  Labels labels;
};

struct RemovedWorker {
  int jobs = 0;                // that it ran
  bool was_connected = false;  // its program still runs
};

// The last that is known of a worker, also of one that is gone.
struct WorkerInfo {
  std::string name, host_arch, build_version, isolation_error;
  std::vector<Target> targets;
  int pid = 0;
  int slots = 0;
  int64_t memory_bytes = 0;
  Labels labels;
  std::string address;
  WorkerReport report;
  bool drained = false;
  int held = 0;              // attempts and open offers of it
  bool has_session = false;  // a session with a lease that has not run out
  absl::Time last_seen_at = absl::InfinitePast();
};

}  // namespace gofarm::domain
