// Shows that the thread sanitizer of this build sees what it is for: `control race` has a race that must be reported,
// `control mutex` has the same accesses ordered by absl::Mutex, of which nothing may be said. The same for what gRPC
// hands from one thread to another is shown by the in-process tests themselves.
#include <cstdio>
#include <cstring>
#include <thread>

#include "absl/synchronization/mutex.h"

namespace {

struct Shared {
  absl::Mutex mutex;
  int plain = 0;  // on purpose without ABSL_GUARDED_BY: one of the two ways below breaks it
  bool done = false;
};

void Race(Shared& shared) {
  std::thread other([&] { ++shared.plain; });
  ++shared.plain;
  other.join();
}

void Ordered(Shared& shared) {
  std::thread other([&] {
    absl::MutexLock lock(&shared.mutex);
    ++shared.plain;
    shared.done = true;
  });
  {
    absl::MutexLock lock(&shared.mutex);
    shared.mutex.Await(absl::Condition(&shared.done));
    ++shared.plain;
  }
  other.join();
}

}  // namespace

int main(int argc, char** argv) {
  Shared shared;
  if (argc == 2 && std::strcmp(argv[1], "race") == 0) {
    Race(shared);
  } else if (argc == 2 && std::strcmp(argv[1], "mutex") == 0) {
    Ordered(shared);
  } else {
    return 2;
  }
  std::printf("counted to %d\n", shared.plain);
  return 0;
}
