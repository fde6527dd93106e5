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
    const int cells = std::clamp(static_cast<int>(static_cast<double>(share.count) * width / static_cast<double>(total)), 1,
                                 std::max(0, width - used));
    std::string text;
    for (int i = 0; i < cells && used < width; ++i, ++used) text += share.mark;
    bar += Paint(terminal, share.color, text);
  }
  for (; used < width; ++used) bar += "·";
  return bar;
}

std::string RunningLine(const RunningView& job, const Terminal& terminal) {
  std::string step = job.phase.empty() ? "starting" : job.phase;
  if (!job.variant.empty() && job.phase == "build") step += Cat("/", EscapeForPrint(job.variant));
  std::string amount;
  if (job.bytes_done > 0 || job.bytes_total > 0) {
    amount = HumanBytes(job.bytes_done);
    if (job.bytes_total > 0) amount += Cat(" of ", HumanBytes(job.bytes_total));
    amount += "  ";
  }
  std::string left = Cat("  ", EscapeForPrint(job.what), " ", job.target);
  const std::string right =
      Cat("  ", HumanSeconds(job.seconds), "  ", amount, EscapeForPrint(job.detail));
  const std::string shown = Cat("  ", step);
  // The step must stay visible: the module's name gives way, then the detail.
  const int beside = std::max(0, terminal.columns - DisplayWidth(shown));
  const int room = std::min(beside, std::max(20, beside - std::min(DisplayWidth(right), 24)));
  left = ClipToWidth(left, room);
  const std::string rest = ClipToWidth(right, std::max(0, terminal.columns - DisplayWidth(left) - DisplayWidth(shown)));
  return Cat(left, Paint(terminal, Color::kBlue, shown), rest);
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
  const size_t lines_max = static_cast<size_t>(std::max(2, terminal.rows - 1));
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
  if (!view.notice.empty()) notes.push_back(view.notice);
  if (view.jobs.empty() && !view.waiting.empty()) notes.push_back(Cat("waiting: ", EscapeForPrint(view.waiting)));
  size_t shown = 0;
  while (shown < view.jobs.size() && lines.size() + notes.size() + 1 < lines_max) {
    lines.push_back(RunningLine(view.jobs[shown++], terminal));
  }
  if (shown < view.jobs.size()) lines.push_back(ClipToWidth(Cat("  and ", view.jobs.size() - shown, " more"), terminal.columns));
  for (const std::string& note : notes) {
    if (lines.size() < lines_max) lines.push_back(Paint(terminal, Color::kYellow, ClipToWidth(note, terminal.columns)));
  }
  return lines;
}

std::string StepLine(const StepEvent& event) {
  std::string line = Cat("job ", event.job, " ", EscapeForPrint(event.what), " ", event.target, ": ", EscapeForPrint(event.step));
  if (!event.detail.empty()) line += Cat(" (", Clip(EscapeForPrint(event.detail), 300), ")");
  return line;
}

std::vector<std::string> StepLines::Add(const StepEvent& event) {
  if (HasEnded(event.job)) return {};
  std::set<std::string>& printed = printed_[event.job];
  // Back in the queue: another attempt may go through the same phases again.
  if (event.step == "queued" && printed.count("queued") != 0 && last_[event.job] != "queued") printed.clear();
  if (!printed.insert(event.step).second) return {};
  last_[event.job] = event.step;
  return {StepLine(event)};
}

std::vector<std::string> StepLines::End(const StepEvent& event, const std::vector<std::string>& phases) {
  std::vector<std::string> lines;
  if (HasEnded(event.job)) return lines;
  std::vector<std::string> steps{"queued"};
  steps.insert(steps.end(), phases.begin(), phases.end());
  if (event.step == "built" || event.step == "partial") {
    // No program without these, even when they took no time worth a record.
    for (const char* step : {"fetch", "build", "check"}) {
      if (std::find(steps.begin(), steps.end(), step) == steps.end()) steps.push_back(step);
    }
  }
  const auto before = printed_.find(event.job);
  std::set<std::string> printed = before == printed_.end() ? std::set<std::string>() : before->second;
  for (const std::string& step : steps) {
    if (printed.insert(step).second) lines.push_back(StepLine({event.job, event.what, event.target, step, ""}));
  }
  lines.push_back(StepLine(event));
  ended_.insert(event.job);
  printed_.erase(event.job);
  last_.erase(event.job);
  return lines;
}

}  // namespace gofarm::cli
