#include "coordinator/domain/drain.h"

#include "common/base/text.h"

namespace gofarm::dispatch {
namespace {

const Session* SessionThere(const DispatchState& state, const std::string& worker, absl::Time now) {
  const auto id = state.by_worker.find(worker);
  if (id == state.by_worker.end()) return nullptr;
  const auto session = state.sessions.find(id->second);
  if (session == state.sessions.end() || !session->second.stream || session->second.leaving) return nullptr;
  return now - session->second.last_seen < kNameHeld ? &session->second : nullptr;
}

}  // namespace

bool IsThere(const DispatchState& state, const std::string& worker, absl::Time now) {
  return SessionThere(state, worker, now) != nullptr;
}

absl::Status MayRemove(const DispatchState& state, const std::string& worker, absl::Time now) {
  const Session* session = SessionThere(state, worker, now);
  if (session == nullptr) return absl::OkStatus();
  const size_t jobs = session->running.size() + session->offers.size() + static_cast<size_t>(session->claims);
  if (session->drain.drained && jobs == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(Cat("worker ", worker, " is connected",
                                           jobs == 0 ? "" : Cat(" and has ", jobs, jobs == 1 ? " job" : " jobs"),
                                           ": stop its gofarm-worker, or drain it first (gofarm worker drain ", worker,
                                           " --wait); a host that vanished counts as connected for ",
                                           absl::ToInt64Seconds(kNameHeld), " seconds after its last word"));
}

}  // namespace gofarm::dispatch
