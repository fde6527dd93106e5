// What a host offers a worker, and what it lacks, with the fix: for `gofarm-worker check`, and before a join, so that a
// host that could build nothing burns no token.
//
// ReadHost looks at the system, after Sandbox::Probe has tried its defences for real; JudgeHost decides, pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/vocab/target.h"
#include "worker/app_config.h"

namespace gofarm::worker {

struct HostFacts {
  struct Disk {
    std::string what;  // "cache_dir"
    std::string path;
    absl::StatusOr<int64_t> free_bytes = 0;
  };
  struct Runner {
    Target target = Target::kX86_64;
    bool can_run = false;
    std::string how;  // "natively", the emulator's path, or why not
  };
  std::string kernel;     // "6.1.0-18-amd64"
  std::string host_arch;  // "x86_64"; empty: none that a worker is made for
  bool root = false;
  bool overlay = false;  // the kernel knows the file system
  // Switches by which systems keep users from namespaces; none: this kernel has no such switch.
  std::optional<int64_t> max_user_namespaces;
  std::optional<int64_t> unprivileged_userns_clone;
  std::optional<int64_t> apparmor_restricts_userns;
  absl::StatusOr<std::string> bwrap = std::string();  // its path
  absl::Status isolation;                             // of Sandbox::Probe
  int64_t memory_bytes = 0;
  int slots = 1;
  int64_t memory_bytes_per_slot = 0;
  absl::StatusOr<int64_t> open_files = 0;
  std::string ca_bundle;  // empty: none
  std::vector<Disk> disks;
  std::vector<Runner> runners;
};

enum class Verdict { kOk, kWarning, kLacks };
std::string_view Name(Verdict verdict);  // "ok", "warning", "lacks"

struct HostFinding {
  std::string what;
  Verdict verdict = Verdict::kOk;
  std::string detail;
  std::string fix;  // empty where nothing is to be done
};

HostFacts ReadHost(const AppConfig& config, absl::Status isolation);
std::vector<HostFinding> JudgeHost(const HostFacts& facts);

// OK, or FAILED_PRECONDITION with all that this host lacks, a line each. Warnings are no lack.
absl::Status Verdicts(const std::vector<HostFinding>& findings);

// What `gofarm-worker check` prints: lines, or one JSON document.
std::string ShowFindings(const std::vector<HostFinding>& findings, bool json);

}  // namespace gofarm::worker
