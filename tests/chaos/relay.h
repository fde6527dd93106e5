// A unix socket in front of another one, which breaks what passes through it: the network between one worker and its
// coordinator. Its own thread does the work; the methods are thread-safe and return at once.
#pragma once

#include <atomic>
#include <list>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/io/fd.h"

namespace gofarm::chaos {

class Relay {
 public:
  // Listens at `path`; every connection goes on to `target`, which need not be there.
  Relay(std::string path, std::string target);
  ~Relay();
  std::string address() const;

  // Every connection ends in the middle of what it carries.
  void Cut();
  // No byte passes until then, not even the end of a connection; what was sent arrives later. A further call replaces
  // the one before.
  void StallUntil(absl::Time until);

 private:
  struct Pair {
    io::Fd near, far;
    std::string there, back;  // read, and not yet written
  };
  void Run(const std::stop_token& stop);
  void Accept();
  // False: the connection is over.
  static bool Carry(bool readable, int from, int to, std::string& waiting);

  const std::string path_;
  const std::string target_;
  io::Fd listener_;
  std::list<Pair> pairs_;  // of the thread
  std::atomic<bool> cut_ = false;
  absl::Mutex mutex_;
  absl::Time stalled_until_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace gofarm::chaos
