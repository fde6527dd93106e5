// The series of calls on /metrics. Each method and code stands there from the start, at 0. Lives as long as the
// process. Thread-safe.
#pragma once

#include <array>
#include <map>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/metrics/metrics.h"

namespace gofarm::rpc {

class CallMetrics {
 public:
  explicit CallMetrics(metrics::Registry& registry);
  CallMetrics(const CallMetrics&) = delete;
  CallMetrics& operator=(const CallMetrics&) = delete;

  // `method` as on the wire. One that authorization.cc does not know is not counted.
  void AddCall(std::string_view method, absl::StatusCode code, absl::Duration took);
  // Of a caller who was turned away, by gRPC or HTTP; other codes are nobody's refusal.
  void AddRefusal(absl::StatusCode code);
  // Of a worker, for an attempt that another one runs.
  void AddProgressDropped() { progress_dropped_->Add(); }

 private:
  struct OfMethod {
    std::array<metrics::Counter*, 17> codes;  // by absl::StatusCode
    metrics::Histogram* seconds;
  };
  std::map<std::string_view, OfMethod> methods_;  // keys: of authorization.cc
  metrics::Counter* unauthenticated_;
  metrics::Counter* not_allowed_;
  metrics::Counter* progress_dropped_;
};

}  // namespace gofarm::rpc
