// SIGTERM and SIGINT as a stop token. Made first thing in main, before other threads: it blocks both signals in the
// process and waits for them on a thread of its own. A second signal ends the process at once (exit code 130).
#pragma once

#include <stop_token>
#include <thread>

namespace gofarm::sync {

class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  std::stop_token token() const { return source_.get_token(); }
  // Blocks until a signal came or RequestStop was called.
  void Wait();
  void RequestStop();

 private:
  std::stop_source source_;
  int wake_fd_ = -1;
  std::thread thread_;
};

}  // namespace gofarm::sync
