// What `worker drain --wait` waits for, as seen in one look at the workers after the other. No I/O, no clock.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

namespace gofarm::v1 {
class WorkerPage;
}

namespace gofarm::cli {

inline constexpr size_t kDrainJobsShown = 5;  // of one worker

class DrainWatch {
 public:
  explicit DrainWatch(const std::vector<std::string>& workers) : left_(workers.begin(), workers.end()) {}

  // `rows`: of the workers that are left. A worker has none any more when it was removed, and is done then.
  // Returns lines for people: what changed since the last look. Whatever workers say in it is escaped.
  std::string Look(const v1::WorkerPage& rows);

  // Of which something runs, or of which that is not known yet.
  const std::set<std::string>& left() const { return left_; }
  // That take jobs again, since somebody undrained them meanwhile.
  const std::set<std::string>& undrained() const { return undrained_; }

 private:
  std::set<std::string> left_;
  std::set<std::string> draining_;  // were seen so
  std::set<std::string> undrained_;
  std::map<std::string, std::string> shown_;  // the last line of each
};

}  // namespace gofarm::cli
