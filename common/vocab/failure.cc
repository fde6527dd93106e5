#include "common/vocab/failure.h"

#include "common/vocab/names.h"

namespace gofarm {
namespace {

constexpr std::array<std::string_view, 8> kJobStates = {"",        "queued",           "running", "built",
                                                        "partial", "nothing_to_build", "failed",  "cancelled"};

}  // namespace

std::string_view Name(JobState state) { return NameIn(kJobStates, static_cast<int>(state)); }

std::string_view Name(BatchState state) {
  static constexpr std::array<std::string_view, 4> kNames = {"", "running", "done", "cancelled"};
  return NameIn(kNames, static_cast<int>(state));
}

std::string_view Name(AttemptOutcome outcome) {
  static constexpr std::array<std::string_view, 8> kNames = {
      "", "running", "built", "partial", "nothing_to_build", "failed", "cancelled", "lost"};

  return NameIn(kNames, static_cast<int>(outcome));
}

std::string_view Name(Phase phase) {
  static constexpr std::array<std::string_view, 6> kNames = {"", "seed", "fetch", "build", "check", "upload"};
  return NameIn(kNames, static_cast<int>(phase));
}

std::string_view Name(WaitReason reason) {
  static constexpr std::array<std::string_view, 8> kNames = {
      "", "no_worker", "no_worker_for_target", "no_free_slot", "backoff", "target_seeding", "offered", "draining"};
  return NameIn(kNames, static_cast<int>(reason));
}

std::string_view Name(FailureClass failure) {
  static constexpr std::array<std::string_view, 20> kNames = {"",
                                                              "source_unavailable",
                                                              "source_invalid",
                                                              "go_too_old",
                                                              "system_library_missing",
                                                              "target_unsupported",
                                                              "compile_error",
                                                              "link_error",
                                                              "not_static_pie",
                                                              "timeout",
                                                              "silence",
                                                              "output_limit",
                                                              "out_of_memory",
                                                              "proxy_error",
                                                              "disk_full",
                                                              "toolchain_broken",
                                                              "worker_lost",
                                                              "internal",
                                                              "source_incomplete",
                                                              "crashes_at_start"};
  return NameIn(kNames, static_cast<int>(failure));
}

std::optional<JobState> ParseJobState(std::string_view name) { return ParseIn<JobState>(kJobStates, name); }

}  // namespace gofarm
