// What `gofarm top` shows: the farm's jobs and their pace, open batches, workers, what runs. Pure: state in, lines out.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "cli/print.h"
#include "cli/progress.h"

namespace gofarm::cli {

inline constexpr absl::Duration kRateWindow = absl::Minutes(5);
inline constexpr size_t kRateSamplesMax = 600;
inline constexpr int kTopBatchesMax = 5;  // open ones, the newest

struct TopWorker {
  std::string name;
  std::string state;
  std::string detail;
  int slots = 0;
  int free_slots = 0;
  int64_t disk_free_bytes = 0;
  std::vector<RunningView> running;
};

struct TopView {
  std::string farm;
  absl::Time at;                        // by the wall clock
  BatchView jobs;                       // the counts of the whole farm
  std::optional<double> jobs_per_hour;  // that ended lately; none: not known yet
  std::vector<BatchView> batches;       // that have not ended, the newest first
  int64_t more_batches = 0;             // beyond those
  std::vector<TopWorker> workers;
  std::string notice;  // "the farm does not answer"
};

// How many jobs an hour end, by looks at how many have.
class JobRate {
 public:
  void Add(absl::Time now, int64_t ended);
  std::optional<double> PerHour() const;

 private:
  std::deque<std::pair<absl::Time, int64_t>> samples_;
};

// On a terminal at most `terminal.rows` lines, none wider than it: what does not fit is counted in the last line of its
// part. Elsewhere everything.
std::vector<std::string> RenderTop(const TopView& view, const Terminal& terminal);
std::string TopDocument(const TopView& view);

// The picture on an empty screen, or over the last one: each line and the rest of the screen are wiped.
std::string TopFrame(const std::vector<std::string>& lines);

}  // namespace gofarm::cli
