#include "cli/top_view.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_split.h"
#include "common/base/text.h"
#include "common/json/writer.h"

namespace gofarm::cli {
namespace {

constexpr absl::Duration kRateLeast = absl::Seconds(10);  // of a window that says something
constexpr int kBarWidth = 20;

struct Running {
  const RunningView* job = nullptr;
  const TopWorker* worker = nullptr;
};

// Those that take longest first.
std::vector<Running> RunningOf(const TopView& view) {
  std::vector<Running> all;
  for (const TopWorker& worker : view.workers) {
    for (const RunningView& job : worker.running) all.push_back({&job, &worker});
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const Running& a, const Running& b) { return a.job->seconds > b.job->seconds; });
  return all;
}

std::string Bar(const BatchView& batch) {
  const int64_t total = batch.total();
  const int64_t full = total == 0 ? 0 : batch.ended() * kBarWidth / total;
  return Cat("[", std::string(static_cast<size_t>(full), '#'), std::string(static_cast<size_t>(kBarWidth - full), '.'),
             "]");
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines = absl::StrSplit(text, '\n');
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

// A table with its head, `room` lines at most: the last one counts what is left out.
std::vector<std::string> Part(std::vector<std::string> lines, int room, std::string_view what) {
  if (static_cast<int>(lines.size()) <= room) return lines;
  if (room < 2) return {};
  const int left_out = static_cast<int>(lines.size()) - (room - 1);
  lines.resize(static_cast<size_t>(room - 1));
  lines.push_back(Cat("  and ", left_out, " more ", what));
  return lines;
}

std::string Head(const TopView& view) {
  int64_t slots = 0, busy = 0, connected = 0;
  for (const TopWorker& worker : view.workers) {
    if (worker.state == "lost") continue;
    ++connected;
    slots += worker.slots;
    busy += worker.slots - worker.free_slots;
  }
  return Cat("gofarm ", EscapeForPrint(view.farm), "  ", absl::FormatTime("%H:%M:%S", view.at, absl::LocalTimeZone()),
             "  ", connected, connected == 1 ? " worker, " : " workers, ", busy, "/", slots, " slots busy");
}

std::string Pace(const TopView& view) {
  if (!view.jobs_per_hour) return "";
  std::string text = Cat(", ", std::llround(*view.jobs_per_hour), " jobs/h");
  const int64_t left = view.jobs.queued + view.jobs.running;
  if (left > 0 && *view.jobs_per_hour > 0) {
    text += Cat(", about ", HumanSeconds(static_cast<double>(left) * 3600 / *view.jobs_per_hour), " left");
  }
  return text;
}

std::vector<std::string> BatchLines(const TopView& view, const Terminal& terminal) {
  if (view.batches.empty()) return {};
  TableText table({{"BATCH", true}, {"NAME", false, true}, {"PROGRESS"}, {"ENDED", true}, {"FAILED", true}});
  for (const BatchView& batch : view.batches) {
    table.Add({Cat(batch.id), batch.name, Bar(batch), Cat(batch.ended(), "/", batch.total()),
               Cat(batch.failed + batch.partial)});
  }
  return Lines(table.Render(terminal));
}

std::vector<std::string> WorkerLines(const TopView& view, const Terminal& terminal) {
  if (view.workers.empty()) return {"no workers"};
  TableText table({{"WORKER", false, true}, {"STATE"}, {"BUSY", true}, {"DISK FREE", true}, {"DETAIL", false, true}});
  for (const TopWorker& worker : view.workers) {
    table.Add({worker.name,
               {worker.state, ColorOfState(worker.state)},
               Cat(worker.slots - worker.free_slots, "/", worker.slots),
               HumanBytes(worker.disk_free_bytes),
               worker.detail});
  }
  return Lines(table.Render(terminal));
}

std::vector<std::string> RunningLines(const std::vector<Running>& running, const Terminal& terminal) {
  if (running.empty()) return {"nothing runs"};
  TableText table({{"JOB", true},
                   {"MODULE", false, true},
                   {"TARGET"},
                   {"PHASE"},
                   {"TIME", true},
                   {"WORKER", false, true},
                   {"DOES", false, true}});
  for (const Running& each : running) {
    table.Add({Cat(each.job->job), each.job->what, each.job->target, each.job->phase, HumanSeconds(each.job->seconds),
               each.worker->name, each.job->detail});
  }
  return Lines(table.Render(terminal));
}

}  // namespace

void JobRate::Add(absl::Time now, int64_t ended) {
  // A farm that counts anew, or another one.
  if (!samples_.empty() && ended < samples_.back().second) samples_.clear();
  samples_.emplace_back(now, ended);
  while (samples_.size() > kRateSamplesMax || now - samples_.front().first > kRateWindow) samples_.pop_front();
}

std::optional<double> JobRate::PerHour() const {
  if (samples_.empty()) return std::nullopt;
  const absl::Duration window = samples_.back().first - samples_.front().first;
  if (window < kRateLeast) return std::nullopt;
  return static_cast<double>(samples_.back().second - samples_.front().second) / absl::ToDoubleHours(window);
}

std::vector<std::string> RenderTop(const TopView& view, const Terminal& terminal) {
  const bool bounded = terminal.is_terminal;
  const int rows = bounded ? std::max(terminal.rows, 1) : 1 << 30;
  std::vector<std::string> lines;
  lines.push_back(Paint(terminal, Color::kBold, Head(view)));
  if (!view.notice.empty()) lines.push_back(Paint(terminal, Color::kRed, EscapeForPrint(view.notice)));
  lines.push_back(Cat(view.jobs.queued, " queued, ", view.jobs.running, " running, ", view.jobs.built, " built, ",
                      view.jobs.partial, " partial, ", view.jobs.nothing_to_build, " nothing, ", view.jobs.failed,
                      " failed", Pace(view)));

  const std::vector<Running> running = RunningOf(view);
  const std::vector<std::pair<std::vector<std::string>, const char*>> parts = {
      {BatchLines(view, terminal), "batches"},
      {WorkerLines(view, terminal), "workers"},
      {RunningLines(running, terminal), "running jobs"}};
  for (size_t i = 0; i < parts.size(); ++i) {
    const auto& [part, what] = parts[i];
    if (part.empty()) continue;
    const int left = rows - static_cast<int>(lines.size()) - 1;
    if (left < 1) break;
    lines.emplace_back();
    // Workers leave half of what is left to the jobs that they run.
    const int room = i == 1 ? std::max(left / 2, left - 2 - static_cast<int>(parts[2].first.size())) : left;
    for (std::string& line : Part(part, room, what)) lines.push_back(std::move(line));
    if (i == 0 && view.more_batches > 0 && static_cast<int>(lines.size()) < rows) {
      lines.push_back(Cat("  and ", view.more_batches, " more batches"));
    }
  }
  if (static_cast<int>(lines.size()) > rows) lines.resize(static_cast<size_t>(rows));
  // Tables too, which have a least width: a line that wraps moves the picture up by one each time it is drawn.
  for (std::string& line : lines) {
    if (bounded) line = ClipToWidth(line, terminal.columns);
  }
  return lines;
}

std::string TopDocument(const TopView& view) {
  const auto counts = [](JsonWriter& json, const BatchView& jobs) {
    json.BeginObject()
        .Field("queued", jobs.queued)
        .Field("running", jobs.running)
        .Field("built", jobs.built)
        .Field("partial", jobs.partial)
        .Field("nothing_to_build", jobs.nothing_to_build)
        .Field("failed", jobs.failed)
        .Field("cancelled", jobs.cancelled)
        .EndObject();
  };
  JsonWriter json;
  json.BeginObject().Field("farm", view.farm).Field("at", view.at).Key("jobs");
  counts(json, view.jobs);
  json.Key("batches").BeginArray();
  for (const BatchView& batch : view.batches) {
    json.BeginObject().Field("id", batch.id).Field("name", batch.name).Key("jobs");
    counts(json, batch);
    json.EndObject();
  }
  json.EndArray().Key("workers").BeginArray();
  for (const TopWorker& worker : view.workers) {
    json.BeginObject()
        .Field("name", worker.name)
        .Field("state", worker.state)
        .Field("detail", worker.detail)
        .Field("slots", worker.slots)
        .Field("free_slots", worker.free_slots)
        .Field("disk_free_bytes", worker.disk_free_bytes);
    json.Key("running").BeginArray();
    for (const RunningView& job : worker.running) {
      json.BeginObject()
          .Field("job_id", job.job)
          .Field("what", job.what)
          .Field("target", job.target)
          .Field("phase", job.phase)
          .Field("detail", job.detail)
          .Field("seconds", std::round(job.seconds * 1000) / 1000)
          .EndObject();
    }
    json.EndArray().EndObject();
  }
  json.EndArray().EndObject();
  return json.Take();
}

std::string TopFrame(const std::vector<std::string>& lines) {
  std::string frame = "\x1b[H";
  for (size_t i = 0; i < lines.size(); ++i) frame += Cat(i == 0 ? "" : "\r\n", lines[i], "\x1b[K");
  return Cat(frame, "\x1b[J");
}

}  // namespace gofarm::cli
