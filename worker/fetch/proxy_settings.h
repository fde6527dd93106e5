// Where this worker's modules come from. Each setting is that of its own configuration, else what the coordinator said
// in Welcome. A worker whose configuration names no proxy takes what its environment says before what the coordinator
// says, and where that names none either, what `go env` says. Thread-safe.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/base/scope.h"
#include "worker/fetch/cache_layout.h"

namespace gofarm::fetch {

struct ProxyOrigins {
  std::string_view goproxy, gosumdb, gonosumdb, goprivate;  // "configuration", "environment", ...; "none": it is empty

  bool operator==(const ProxyOrigins&) const = default;
};

class ProxySettings {
 public:
  // May download a first Go. Asked when it is needed, and once it has answered not again.
  using AskGo = std::function<absl::StatusOr<ProxyEnvironment>(const Scope&)>;

  // These and no others.
  explicit ProxySettings(ProxyEnvironment fixed);
  ProxySettings(ProxyEnvironment configured, ProxyEnvironment of_process, AskGo ask_go);

  // What the last Welcome gave; empty values: it said nothing about them.
  void Welcomed(ProxyEnvironment of_coordinator);

  // As they are now; which of them came from where is logged when it changes. FAILED_PRECONDITION and the like: nobody
  // named a proxy, and no Go could be asked.
  absl::StatusOr<ProxyEnvironment> Get(const Scope& scope) const;

 private:
  void Note(const ProxyEnvironment& chosen, const ProxyOrigins& origins) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const bool fixed_;
  const ProxyEnvironment configured_;
  const ProxyEnvironment of_process_;
  const AskGo ask_go_;
  mutable absl::Mutex asking_;  // held while Go is asked: one at a time
  mutable absl::Mutex mutex_;
  ProxyEnvironment of_coordinator_ ABSL_GUARDED_BY(mutex_);
  mutable bool go_answered_ ABSL_GUARDED_BY(mutex_) = false;
  mutable ProxyEnvironment of_go_ ABSL_GUARDED_BY(mutex_);
  mutable std::string noted_ ABSL_GUARDED_BY(mutex_);
};

// GOPROXY, GOSUMDB, GONOSUMDB and GOPRIVATE of this process; a list that is none counts as not set.
ProxyEnvironment ProxyOfProcess();

}  // namespace gofarm::fetch
