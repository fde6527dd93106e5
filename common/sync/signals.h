// SIGTERM and SIGINT as a stop token. Made first thing in main, before other threads: it blocks both signals in the
// process and waits for them on a thread of its own. A second signal ends the process at once (exit code 130), or is
// the wish to hurry where the program has a use for that; then a third one ends it.
#pragma once

#include <stop_token>
#include <thread>

namespace gofarm::sync {

class StopSignals {
 public:
  enum class Second { kEnds, kHurries };
  explicit StopSignals(Second second = Second::kEnds);
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  std::stop_token token() const { return source_.get_token(); }
  // Of the second signal; with Second::kEnds it never stops.
  std::stop_token hurry() const { return hurry_.get_token(); }
  // Blocks until a signal came or RequestStop was called.
  void Wait();
  void RequestStop();

 private:
  std::stop_source source_;
  std::stop_source hurry_;
  int wake_fd_ = -1;
  std::thread thread_;
};

}  // namespace gofarm::sync
