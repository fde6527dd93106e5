// The closed sets of what can come of a job. Numbers as in proto/gofarm/v1/ids.proto and in the database.
#pragma once

#include <optional>
#include <string_view>

namespace gofarm {

enum class JobState : int { kQueued = 1, kRunning, kBuilt, kPartial, kNothingToBuild, kFailed, kCancelled };
enum class BatchState : int { kRunning = 1, kDone, kCancelled };
enum class AttemptOutcome : int { kRunning = 1, kBuilt, kPartial, kNothingToBuild, kFailed, kCancelled, kLost };
enum class Phase : int { kNone = 0, kSeed = 1, kFetch, kBuild, kCheck, kUpload };
inline constexpr int kPhases = 5;
enum class WaitReason : int {
  kNone = 0,
  kNoWorker,
  kNoWorkerForTarget,
  kNoFreeSlot,
  kBackoff,
  kTargetSeeding,
  kOffered,
  kDraining
};

enum class FailureClass : int {
  kNone = 0,
  kSourceUnavailable,
  kSourceInvalid,
  kGoTooOld,
  kSystemLibraryMissing,
  kTargetUnsupported,
  kCompileError,
  kLinkError,
  kNotStaticPie,
  kTimeout,
  kSilence,
  kOutputLimit,
  kOutOfMemory,
  kProxyError,
  kDiskFull,
  kToolchainBroken,
  kWorkerLost,
  kInternal,
  kSourceIncomplete,
  kCrashesAtStart
};
inline constexpr FailureClass kLastFailureClass = FailureClass::kCrashesAtStart;

// Names as operators see them: "nothing_to_build", "source_unavailable"; kNone is "".
std::string_view Name(JobState state);
std::string_view Name(BatchState state);
std::string_view Name(AttemptOutcome outcome);
std::string_view Name(Phase phase);
std::string_view Name(WaitReason reason);
std::string_view Name(FailureClass failure);
std::optional<JobState> ParseJobState(std::string_view name);

inline bool IsEnded(JobState s) { return s != JobState::kQueued && s != JobState::kRunning; }

}  // namespace gofarm
