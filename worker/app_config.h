// The worker's configuration: flags over environment over file, checked whole before anything is opened.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/obs/log.h"
#include "common/pki/join_string.h"
#include "common/vocab/labels.h"
#include "common/vocab/target.h"
#include "worker/build/smoke.h"
#include "worker/fetch/cache_layout.h"
#include "worker/watch/metrics_listener.h"

namespace gofarm::worker {

// What one slot is meant to have: big modules peak at 4 to 6 GB in one build.
inline constexpr int64_t kMemoryPerSlot = int64_t{6} << 30;
inline constexpr int kSlotsMax = 256;
inline constexpr absl::Duration kDrainTimeoutMax = absl::Hours(24);

// As given on the command line; empty or 0: not given.
struct Flags {
  std::string config;
  std::string dir;
  std::string join;
  std::string name;
  std::string cache_dir;
  std::string work_dir;
  int slots = 0;
  std::string drain_timeout;
  std::vector<std::string> labels;  // "zone=b" each
  std::string log_level;
  std::string http;
};

struct AppConfig {
  std::string name;
  bool named = false;  // by a person, not by the host
  // unix: sockets of this machine's farm; else HOST:PORT, in place of the identity's, or none.
  std::vector<std::string> coordinators;
  std::string identity_dir;  // of a worker that joins a farm by TLS; empty: it is spoken to over a socket
  std::optional<pki::JoinString> join;
  std::string cache_dir;
  std::string work_dir;
  int slots = 1;
  int cores = 1;
  absl::Duration drain_timeout = absl::Seconds(30);  // how long builds may go on after SIGTERM
  int64_t memory_bytes_per_slot = kMemoryPerSlot;
  std::vector<Target> targets;
  Labels labels;                  // those of the file, under those of the environment, under those of flags
  fetch::ProxyEnvironment proxy;  // without goproxy: what is empty is as `go env` says
  build::SmokeMode smoke = build::SmokeMode::kEmulator;
  int64_t module_cache_bytes = int64_t{20} << 30;
  int64_t shared_cache_bytes = int64_t{20} << 30;
  obs::Level log_level = obs::Level::kInfo;
  watch::ListenerOptions metrics;  // without an address: there is no listener
  std::string scrape_address;      // HOST:PORT at which others reach it; empty: they do not
};

// All faults at once, one a line, those of the file with its name and line. Reads the join string from where it stands.
absl::StatusOr<AppConfig> LoadAppConfig(const Flags& flags);

// One slot for each core, but no more than the memory allows; at least one.
int DefaultSlots(int cores, int64_t memory_bytes);
// kMemoryPerSlot, or less where the machine has less than that for each slot.
int64_t DefaultMemoryPerSlot(int slots, int64_t memory_bytes);

}  // namespace gofarm::worker
