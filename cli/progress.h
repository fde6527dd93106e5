// What `watch` and `--wait` show. On a terminal: a bar for the batch, what runs with its phase and seconds, bytes while
// fetching, an estimate of the time left. Elsewhere: one plain line for each step of each job, and now and then one for
// what takes long. Pure: state in, lines out.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "cli/print.h"

namespace gofarm::cli {

struct RunningView {
  int64_t job = 0;
  std::string what;  // "github.com/rakyll/hey@v0.1.5"
  std::string target;
  std::string phase;
  std::string variant;
  std::string detail;
  int64_t bytes_done = 0;
  int64_t bytes_total = 0;
  double seconds = 0;  // since the attempt started
};

struct BatchView {
  int64_t id = 0;
  std::string name;
  int64_t queued = 0;
  int64_t running = 0;
  int64_t built = 0;
  int64_t partial = 0;
  int64_t nothing_to_build = 0;
  int64_t failed = 0;
  int64_t cancelled = 0;
  int64_t executables = 0;
  std::vector<RunningView> jobs;
  std::string waiting;      // why nothing moves
  double seconds = 0;       // since the watch began
  double eta_seconds = -1;  // below zero: no estimate
  std::string notice;       // "the coordinator does not answer; trying again"

  int64_t total() const { return queued + running + ended(); }
  int64_t ended() const { return built + partial + nothing_to_build + failed + cancelled; }
};

// At most `terminal.rows` - 1 lines, at least one, none wider than the terminal.
std::vector<std::string> RenderProgress(const BatchView& view, const Terminal& terminal);
// "12 jobs: 9 built, 1 partial, 2 failed; 31 executables".
std::string Summary(const BatchView& view);

// The part of a terminal to draw on: without its last column, since what erases the rest of a full line takes its last
// character in some terminals, and others take the next line for its continuation when the window grows.
Terminal CanvasOf(const Terminal& terminal);

// What stands on a terminal below the lines that stay, and the text that puts the next picture in its place. Wherever
// the window was narrowed in between, the terminal has wrapped the old lines, so that they take more rows than they
// had.
class LivePicture {
 public:
  // `above`: lines that stay from now on, between what was there before and the picture.
  std::string Next(const std::vector<std::string>& above, const std::vector<std::string>& picture,
                   const Terminal& terminal);
  // What was drawn stays; the next picture comes below it.
  void Keep() { widths_.clear(); }
  bool empty() const { return widths_.empty(); }

 private:
  std::vector<int> widths_;  // of the lines drawn
};

// Time left by the pace of the jobs that ended since the watch began; below zero until two did.
double EstimateSeconds(int64_t ended_since, int64_t left, double seconds);

struct StepEvent {
  int64_t job = 0;
  int64_t attempt = 0;  // its token; 0: the step belongs to none
  std::string what;     // module@version
  std::string target;
  std::string step;  // a job state or a phase
  std::string detail;
};

// Plain lines, each step of a job once per attempt at it: a stream that begins again repeats what it knows.
class StepLines {
 public:
  // The line to print now; none for a repetition, and none after the job's end.
  std::vector<std::string> Add(const StepEvent& event);
  bool HasEnded(int64_t job) const { return ended_.count(job) != 0; }

 private:
  std::map<int64_t, std::set<std::pair<int64_t, std::string>>> printed_;  // attempts and steps of jobs that go on
  std::set<int64_t> ended_;
};

// A running job is worth a plain line when its phase takes this long and what it does has changed,
inline constexpr absl::Duration kNewsEvery = absl::Seconds(10);
// and, like whatever is waited for, after this long even when nothing changed: a silent log looks like one that hangs.
inline constexpr absl::Duration kSilenceMax = absl::Minutes(1);
inline constexpr size_t kNewsLinesMax = 5;

// Plain lines between the steps: what runs for long, why nothing runs, that the coordinator is away. At most
// kNewsLinesMax lines every kNewsEvery.
class PlainNews {
 public:
  std::vector<std::string> Lines(const BatchView& view, absl::Time now);

 private:
  struct Seen {
    std::string phase;
    absl::Time phase_since;
    std::string shown;  // what it did when it had a line last
    absl::Time shown_at;
  };
  std::string Obstacle(const BatchView& view, absl::Time now);

  std::map<int64_t, Seen> running_;
  absl::Time running_shown_at_ = absl::InfinitePast();
  std::string obstacle_;
  absl::Time obstacle_shown_at_ = absl::InfinitePast();
};

std::string StepLine(const StepEvent& event);
bool IsEndState(std::string_view step);

}  // namespace gofarm::cli
