// The dispatcher's bookkeeping: every change of a job's phase or of a session's slots goes through here, so that the
// indexes of DispatchState always agree (CheckInvariants). Used by dispatch.cc only; pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "coordinator/domain/dispatch.h"

namespace gofarm::dispatch {

// The order of the queue.
WaitKey KeyOf(const domain::QueuedJob& job);
inline size_t TargetIndex(Target target) { return static_cast<size_t>(target) - 1; }

JobEntry* FindJob(DispatchState& state, JobId job);
JobEntry* FindToken(DispatchState& state, AttemptToken token);
Session* FindSession(DispatchState& state, SessionId session);
Session* FindStream(DispatchState& state, StreamId stream);

// Puts a job that the mirror does not hold into kWaiting or kDelayed. False when it is held already or the mirror is
// full: of kQueueLoadMax jobs that are due or under way, or of kDelayedLoadMax delayed ones that are all due sooner.
// `beyond_limit`: for what runs already, of which there are never more than slots.
bool AddJob(DispatchState& state, const domain::QueuedJob& job, absl::Time now, bool beyond_limit = false);
void RemoveJob(DispatchState& state, JobId job, absl::Time now);

// Where an entry goes: `token`, `session` and `until` as JobEntry describes for the phase.
struct MoveTo {
  JobPhase phase = JobPhase::kWaiting;
  AttemptToken token;
  SessionId session;
  absl::Time until = absl::InfiniteFuture();
};
void Move(DispatchState& state, JobEntry& entry, const MoveTo& to, absl::Time now);
// kWaiting, or kDelayed when not_before lies ahead.
void MoveToQueue(DispatchState& state, JobEntry& entry, absl::Time now);
// Delayed jobs whose time has come wait from now on; pauses that are over end.
void PromoteDue(DispatchState& state, absl::Time now);

// Takes a load's jobs into the mirror. Entries that changed after the load was asked for are newer than it and stay.
// Returns the entries of attempts that were thought to run and whose job waits in the store.
std::vector<JobEntry> MergeLoad(DispatchState& state, const QueueLoaded& loaded, absl::Time now);
// Removes the jobs that waited here before a whole load was asked for and that it lacks.
void RemoveAbsent(DispatchState& state, const QueueLoaded& loaded, absl::Time now);

// After any change of a session's fields: brings `free`, `able` and `paused` up to date.
void Reindex(DispatchState& state, Session& session, absl::Time now);
// An attempt of this worker ended: what it says of the worker.
void NoteHealth(DispatchState& state, const std::string& worker, AttemptOutcome outcome, FailureClass failure,
                std::string_view detail, absl::Time now);
// A session of a worker whose failures are remembered.
void RecallHealth(DispatchState& state, Session& session, absl::Time now);
// Takes a session that holds nothing any more (no stream, no offers, nothing running) out of all indexes; remembered as
// a former worker.
void RemoveSession(DispatchState& state, SessionId session);

// Another process than the one that says Hello, connected and heard under the same name.
Session* NameHolder(DispatchState& state, const domain::SessionRequest& request, absl::Time now);

// This process, the machine or its clock made a jump since the last tick: workers that were alive could not reach it,
// and builds may have stood still as well. No lease expires before all are extended, and running attempts keep the time
// they had left.
void AfterClockJump(DispatchState& state, absl::Duration how_long);

// The deadline of this entry's attempt `token`. It counts from the attempt's start, however often its worker comes
// back; what a running one was granted for standing still stays, though the store's clock went on meanwhile.
absl::Time OverdueAt(const DispatchState& state, const JobEntry& entry, AttemptToken token, absl::Time started);

// Running attempts beyond their deadline, at most kClaimsMax.
std::vector<AttemptToken> Overdue(const DispatchState& state, absl::Time now);

// The other targets of the job's module, version and toolset that the mirror holds, ascending.
std::vector<Target> SiblingsOf(const DispatchState& state, const domain::QueuedJob& job);

}  // namespace gofarm::dispatch
