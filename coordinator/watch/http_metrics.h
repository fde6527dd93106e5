// What the HTTP listeners answer, on /metrics. Lives as long as the process. Thread-safe.
#pragma once

#include <atomic>
#include <map>

#include "common/metrics/metrics.h"

namespace gofarm::watch {

class HttpMetrics {
 public:
  explicit HttpMetrics(metrics::Registry& registry);
  HttpMetrics(const HttpMetrics&) = delete;
  HttpMetrics& operator=(const HttpMetrics&) = delete;

  // A status that no listener of ours answers with counts as "other".
  void AddAnswer(int status);
  // Where all listeners count their connections.
  std::atomic<int>* open() { return &open_; }
  void ShowConnections() { connections_->Set(open_); }

 private:
  std::map<int, metrics::Counter*> answers_;
  metrics::Counter* other_;
  metrics::Gauge* connections_;
  std::atomic<int> open_ = 0;
};

}  // namespace gofarm::watch
