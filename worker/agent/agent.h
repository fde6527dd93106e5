// The worker's side of its sessions: dials coordinators in turn, carries the session, runs offered builds in its slots
// and hands in what came of them. The deciding is session_logic's; here are the threads, the clock and gRPC around it.
// Run's thread owns the state machine; links, slots and uploads have threads of their own that only post events to it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/goproxy/settings.h"
#include "common/rpc/credentials.h"
#include "common/vocab/labels.h"
#include "common/vocab/target.h"
#include "common/vocab/toolset.h"
#include "common/vocab/worker_report.h"
#include "worker/build/runner.h"
#include "worker/upload/uplink.h"

namespace gofarm::agent {

inline constexpr size_t kEventsMax = 10'000;  // waiting events; a coordinator that sends more is hung up on

struct AgentOptions {
  std::string name;
  std::vector<std::string> coordinators;  // addresses, at least one
  rpc::Credentials credentials = rpc::Credentials::Plaintext();
  // A coordinator does not know this identity (any more). Called from a link's thread, must not wait.
  std::function<void(const absl::Status&)> unauthenticated = [](const absl::Status&) {};
  std::string host_arch;
  std::string build_version;
  std::vector<Target> targets;
  int slots = 1;
  absl::Duration drain_max;  // how long a stop lets builds go on
  int64_t memory_bytes_per_slot = 0;
  Labels labels;
  std::string isolation_error;  // not empty: takes no offer, until IsolationChanged says otherwise
  bool isolation_unproven =
      false;                 // a full disk hid whether builds can be isolated: it counts as full until IsolationChanged
  std::string spool_folder;  // an existing folder of this worker
  std::vector<std::string> watched_disks;  // folders whose file systems must have build::kDiskFreeMin free
  // Where uploads go to and archives come from, as the agent dials; null: it has one of its own. Must outlive the
  // agent.
  upload::Uplink* uplink = nullptr;
  // A new Welcome says from where the farm has its modules; before toolsets_known, from Run's thread, must not wait.
  std::function<void(const goproxy::Settings&)> go_settings_known;
  // A new Welcome named these; called from Run's thread, must not wait.
  std::function<void(const std::vector<Toolset>&)> toolsets_known;
  // The session with a coordinator began, or ended; from Run's thread, must not wait.
  std::function<void(bool)> session_changed;
  // All but disk_free_bytes and the clock; about once a second, from Run's thread; must be quick.
  std::function<WorkerReport()> snapshot;
};

class Agent {
 public:
  // `runner` may be null only with an isolation error that stays; it must outlive the agent.
  Agent(AgentOptions options, build::Runner* runner);
  ~Agent();
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  // Until `stop`: then no offer is taken any more and builds may go on for `drain_max`, or until `hurry`. What builds
  // after that is ended, results get a moment to be answered, and the worker takes its leave. Nothing of it runs any
  // more when Run returns. Call it once.
  void Run(std::stop_token stop, std::stop_token hurry = {});

  // From any thread. Empty: builds can be isolated (again), offers are taken. Else none is any more and the text says
  // why; what runs goes on. A change opens the session anew, since Hello carries it.
  void IsolationChanged(std::string error);

  // From any thread. Connections keep the certificate that they began with, so the session moves to a new one; builds
  // go on.
  void CredentialsChanged(rpc::Credentials credentials);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gofarm::agent
