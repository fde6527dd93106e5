#include "cli/progress.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "common/base/text.h"
#include "common/vocab/failure.h"

namespace gofarm::cli {
namespace {

constexpr int kBarMin = 10;
constexpr int kBarMax = 40;
constexpr int kGap = 2;          // between columns, and before the first
constexpr int kLeftMin = 20;     // of the module's name, where there is room for it at all
constexpr int kRightShare = 24;  // kept for what follows the step, before the module's name is cut

struct Share {
  int64_t count;
  Color color;
  std::string_view mark;
};

// Each share gets its part of the bar; one that is not zero gets at least one cell while there is room.
std::string Bar(const BatchView& view, int width, const Terminal& terminal) {
  const Share shares[] = {{view.built + view.nothing_to_build, Color::kGreen, "█"},
                          {view.partial, Color::kYellow, "▓"},
                          {view.failed + view.cancelled, Color::kRed, "▒"},
                          {view.running, Color::kBlue, "░"}};
  const int64_t total = std::max<int64_t>(1, view.total());
  std::string bar;
  int used = 0;
  for (const Share& share : shares) {
    if (share.count == 0) continue;
    const int cells =
        std::clamp(static_cast<int>(static_cast<double>(share.count) * width / static_cast<double>(total)), 1,
                   std::max(0, width - used));
    std::string text;
    for (int i = 0; i < cells && used < width; ++i, ++used) text += share.mark;
    bar += Paint(terminal, share.color, text);
  }
  for (; used < width; ++used) bar += "·";
  return bar;
}

// "build/install".
std::string StepOf(const RunningView& job) {
  const std::string step = job.phase.empty() ? "starting" : job.phase;
  return job.variant.empty() || job.phase != "build" ? step : Cat(step, "/", EscapeForPrint(job.variant));
}

// "1.0 MiB of 4.0 MiB"; empty where no bytes are counted.
std::string AmountOf(const RunningView& job) {
  if (job.bytes_done == 0 && job.bytes_total == 0) return "";
  return job.bytes_total > 0 ? Cat(HumanBytes(job.bytes_done), " of ", HumanBytes(job.bytes_total))
                             : HumanBytes(job.bytes_done);
}

// One below the other, so that steps and seconds stand in columns. Both must stay visible: the beginning of the
// module's path gives way, then the end of what follows them.
std::vector<std::string> RunningLines(const std::vector<RunningView>& jobs, size_t count, const Terminal& terminal) {
  struct Line {
    std::string left, step, right;
  };
  std::vector<Line> lines;
  int left_width = 0, step_width = 0, right_width = 0, seconds_width = 0;
  for (size_t i = 0; i < count; ++i) {
    const RunningView& job = jobs[i];
    Line line{.left = Cat(EscapeForPrint(job.what), " ", job.target),
              .step = StepOf(job),
              .right = HumanSeconds(job.seconds)};
    seconds_width = std::max(seconds_width, DisplayWidth(line.right));
    if (const std::string amount = AmountOf(job); !amount.empty()) line.right += Cat("  ", amount);
    if (!job.detail.empty()) line.right += Cat("  ", EscapeForPrint(job.detail));
    left_width = std::max(left_width, DisplayWidth(line.left));
    step_width = std::max(step_width, DisplayWidth(line.step));
    right_width = std::max(right_width, DisplayWidth(line.right));
    lines.push_back(std::move(line));
  }
  const int beside = std::max(0, terminal.columns - step_width - 3 * kGap);
  if (right_width > seconds_width) ++seconds_width;  // for the "…" behind them
  const int left_least = std::clamp(beside - seconds_width, 0, kLeftMin);
  left_width = std::min(left_width, std::max(left_least, beside - std::min(right_width, kRightShare)));
  std::vector<std::string> out;
  for (const Line& line : lines) {
    const std::string left = ClipFrontToWidth(line.left, left_width);
    const std::string head =
        Cat(std::string(kGap, ' '), left, std::string(left_width - DisplayWidth(left) + kGap, ' '));
    const std::string step = ClipToWidth(line.step, terminal.columns - DisplayWidth(head));
    const std::string fill(step_width - DisplayWidth(line.step) + kGap, ' ');
    const std::string rest =
        ClipToWidth(Cat(fill, line.right), terminal.columns - DisplayWidth(head) - DisplayWidth(step));
    out.push_back(Cat(ClipToWidth(head, terminal.columns), Paint(terminal, Color::kBlue, step), rest));
  }
  return out;
}

}  // namespace

bool IsEndState(std::string_view step) {
  const std::optional<JobState> state = ParseJobState(step);
  return state && IsEnded(*state);
}

std::string Summary(const BatchView& view) {
  std::string out = Cat(view.total(), view.total() == 1 ? " job: " : " jobs: ");
  bool first = true;
  const auto add = [&](int64_t count, std::string_view what) {
    if (count == 0) return;
    out += Cat(first ? "" : ", ", count, " ", what);
    first = false;
  };
  add(view.built, "built");
  add(view.nothing_to_build, "nothing to build");
  add(view.partial, "partial");
  add(view.failed, "failed");
  add(view.cancelled, "cancelled");
  add(view.running, "running");
  add(view.queued, "queued");
  if (first) out += "none";
  return Cat(out, "; ", view.executables, view.executables == 1 ? " executable" : " executables");
}

double EstimateSeconds(int64_t ended_since, int64_t left, double seconds) {
  if (left == 0) return 0;
  if (ended_since < 2 || seconds <= 0) return -1;
  return seconds / static_cast<double>(ended_since) * static_cast<double>(left);
}

std::vector<std::string> RenderProgress(const BatchView& view, const Terminal& terminal) {
  std::vector<std::string> lines;
  const size_t lines_max = static_cast<size_t>(std::max(1, terminal.rows - 1));
  std::string head = Cat("batch ", view.id);
  if (!view.name.empty()) head += Cat(" ", EscapeForPrint(view.name));
  std::string tail = Cat(" ", view.ended(), "/", view.total(), "  ", HumanSeconds(view.seconds));
  if (view.eta_seconds >= 0 && view.ended() < view.total()) tail += Cat("  ETA ", HumanSeconds(view.eta_seconds));
  head = ClipToWidth(head, std::max(8, terminal.columns - DisplayWidth(tail) - kBarMin - 1));
  const int bar = std::min(kBarMax, terminal.columns - DisplayWidth(head) - DisplayWidth(tail) - 1);
  if (bar >= kBarMin) {
    lines.push_back(Cat(head, " ", Bar(view, bar, terminal), tail));
  } else {
    lines.push_back(ClipToWidth(Cat(head, tail), terminal.columns));
  }
  lines.push_back(ClipToWidth(Summary(view), terminal.columns));
  std::vector<std::string> notes;
  if (!view.notice.empty()) {
    notes.push_back(view.notice);
  } else if (view.jobs.empty() && !view.waiting.empty()) {
    notes.push_back(Cat("waiting: ", EscapeForPrint(view.waiting)));
  }
  const size_t taken = lines.size() + notes.size() + 1;  // one for "and N more"
  const size_t shown = std::min(view.jobs.size(), lines_max > taken ? lines_max - taken : 0);
  for (std::string& line : RunningLines(view.jobs, shown, terminal)) lines.push_back(std::move(line));
  if (shown < view.jobs.size())
    lines.push_back(ClipToWidth(Cat("  and ", view.jobs.size() - shown, " more"), terminal.columns));
  for (const std::string& note : notes) {
    if (lines.size() < lines_max) lines.push_back(Paint(terminal, Color::kYellow, ClipToWidth(note, terminal.columns)));
  }
  if (lines.size() > lines_max) lines.resize(lines_max);
  return lines;
}

Terminal CanvasOf(const Terminal& terminal) {
  Terminal canvas = terminal;
  canvas.columns = std::max(1, terminal.columns - 1);
  return canvas;
}

std::string LivePicture::Next(const std::vector<std::string>& above, const std::vector<std::string>& picture,
                              const Terminal& terminal) {
  const int columns = std::max(1, terminal.columns);
  int rows = 0;
  for (const int width : widths_) rows += std::max(1, (width + columns - 1) / columns);
  std::string text = "\r";
  // What has left the screen at its top cannot be drawn over.
  if (rows > 0) text += Cat("\x1b[", std::min(rows, std::max(1, terminal.rows - 1)), "A");
  widths_.clear();
  for (const std::vector<std::string>* lines : {&above, &picture}) {
    for (const std::string& line : *lines) text += Cat(line, "\x1b[K\n");
  }
  for (const std::string& line : picture) widths_.push_back(DisplayWidth(line));
  return text + "\x1b[J";
}

std::vector<std::string> PlainNews::Lines(const BatchView& view, absl::Time now) {
  std::vector<std::string> lines;
  std::map<int64_t, Seen> running;
  size_t more = 0;
  const bool due = now - running_shown_at_ >= kNewsEvery;
  for (const RunningView& job : view.jobs) {
    const std::string amount = AmountOf(job);
    std::string does = EscapeForPrint(job.detail);
    if (!amount.empty()) does = Cat(amount, does.empty() ? "" : ", ", does);
    const std::string step = StepOf(job);
    const auto before = running_.find(job.job);
    Seen seen = before == running_.end() ? Seen() : before->second;
    // A new phase has a line of its own already (StepLines), so it counts as shown.
    if (seen.phase != step) seen = {.phase = step, .phase_since = now, .shown = does, .shown_at = now};
    if (due && now - seen.phase_since >= kNewsEvery && (seen.shown != does || now - seen.shown_at >= kSilenceMax)) {
      if (lines.size() + 1 < kNewsLinesMax) {
        lines.push_back(Cat("job ", job.job, " ", EscapeForPrint(job.what), " ", job.target, ": ", step, ", ",
                            HumanSeconds(job.seconds), " so far", does.empty() ? "" : Cat(" (", Clip(does, 300), ")")));
        seen.shown = does;
        seen.shown_at = now;
      } else {
        ++more;
      }
    }
    running[job.job] = std::move(seen);
  }
  running_ = std::move(running);
  if (more > 0) lines.push_back(Cat("and ", more, more == 1 ? " more job goes on" : " more jobs go on"));
  if (!lines.empty()) running_shown_at_ = now;
  if (std::string obstacle = Obstacle(view, now); !obstacle.empty()) lines.push_back(std::move(obstacle));
  return lines;
}

std::string PlainNews::Obstacle(const BatchView& view, absl::Time now) {
  std::string line = view.notice;
  if (line.empty() && view.jobs.empty() && !view.waiting.empty())
    line = Cat("waiting: ", Clip(EscapeForPrint(view.waiting), 300));
  if (line.empty()) {
    obstacle_.clear();
    return "";
  }
  if (now - obstacle_shown_at_ < (line == obstacle_ ? kSilenceMax : kNewsEvery)) return "";
  obstacle_ = line;
  obstacle_shown_at_ = now;
  return line;
}

std::string StepLine(const StepEvent& event) {
  std::string line =
      Cat("job ", event.job, " ", EscapeForPrint(event.what), " ", event.target, ": ", EscapeForPrint(event.step));
  if (!event.detail.empty()) line += Cat(" (", Clip(EscapeForPrint(event.detail), 300), ")");
  return line;
}

std::vector<std::string> StepLines::Add(const StepEvent& event) {
  if (HasEnded(event.job)) return {};
  if (IsEndState(event.step)) {
    ended_.insert(event.job);
    printed_.erase(event.job);
  } else if (!printed_[event.job].emplace(event.attempt, event.step).second) {
    return {};
  }
  return {StepLine(event)};
}

}  // namespace gofarm::cli
