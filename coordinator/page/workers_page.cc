#include <string>

#include "common/base/text.h"
#include "common/shapes/names.h"
#include "coordinator/page/pages.h"
#include "coordinator/page/parts.h"

namespace gofarm::page {

using web::Element;
using web::HtmlWriter;

namespace {

constexpr int kRunningRowsMax = 500;  // of all workers

std::string TargetsOf(const v1::WorkerRow& worker) {
  std::string targets;
  for (const int target : worker.targets()) {
    targets += Cat(targets.empty() ? "" : ", ", shapes::NameOf(static_cast<v1::Target>(target)));
  }
  return targets;
}

void WriteWorker(HtmlWriter& html, const v1::WorkerRow& worker) {
  const Element row = html.In("tr");
  {
    const Element head = html.In("th", {{"scope", "row"}});
    html.Foreign(worker.name(), kNameShownMax);
  }
  Cell(html, [&] {
    State(html, shapes::NameOf(worker.state()));
    if (worker.draining()) html.Text(", draining");
    if (worker.detail().empty()) return;
    const Element detail = html.In("div", {{"class", "quiet"}});
    html.Foreign(worker.detail(), kNameShownMax);
  });
  Cell(html, [&] {
    const int64_t busy = worker.slots() - worker.free_slots();
    Progress(html, busy, worker.slots(), "slots busy");
    html.Text(Cat(" ", busy, " of ", worker.slots()));
  });
  TextCell(html, TargetsOf(worker));
  html.Leaf("td", {{"class", "number"}}, worker.memory_bytes() > 0 ? web::SizeText(worker.memory_bytes()) : "");
  html.Leaf("td", {{"class", "number"}}, worker.disk_free_bytes() > 0 ? web::SizeText(worker.disk_free_bytes()) : "");
  TextCell(html, worker.build_version());
  TimeCell(html, shapes::TimeOf(worker.last_seen_at()));
}

void WriteRunning(HtmlWriter& html, const v1::WorkerRow& worker, const v1::RunningJob& running) {
  const v1::Progress& progress = running.progress();
  const Element row = html.In("tr");
  {
    const Element head = html.In("th", {{"scope", "row"}});
    const Element link = html.In("a", {JobHref(running.job_id())});
    html.Foreign(Cat(running.module(), "@", running.version()), kNameShownMax);
  }
  html.Leaf("td", shapes::NameOf(running.target()));
  TextCell(html, worker.name());
  Cell(html, [&] {
    html.Leaf("span", {{"class", "running"}}, shapes::NameOf(progress.phase())).Text(" ");
    html.Foreign(Cat(progress.variant(), progress.variant().empty() ? "" : " ", progress.detail()), kNameShownMax);
    if (progress.bytes_total() <= 0) return;
    Progress(html, progress.bytes_done(), progress.bytes_total(), "bytes");
    html.Text(Cat(web::SizeText(progress.bytes_done()), " of ", web::SizeText(progress.bytes_total())));
  });
  html.Leaf("td", {{"class", "number"}}, DurationText(absl::Seconds(running.seconds())));
}

}  // namespace

void WriteWorkers(HtmlWriter& html, const v1::WorkerPage& workers) {
  html.Leaf("h1", "Workers");
  LiveNote(html);
  {
    const Element live = LivePart(html, "workers", kRefresh);
    if (workers.workers().empty()) {
      html.Leaf("p", "No worker has come yet.");
    } else {
      Table(html, "Workers", {"Worker", "State", "Slots", "Targets", "Memory", "Disk free", "Version", "Last seen"},
            [&] {
              for (const v1::WorkerRow& worker : workers.workers()) WriteWorker(html, worker);
            });
    }
  }
  html.Leaf("h2", "What runs now");
  const Element live = LivePart(html, "running", kRefresh);
  int64_t all = 0;
  for (const v1::WorkerRow& worker : workers.workers()) all += worker.running_size();
  if (all == 0) {
    html.Leaf("p", "Nothing runs.");
    return;
  }
  Table(html, "Running jobs", {"Job", "Target", "Worker", "What it does", "For"}, [&] {
    int left = kRunningRowsMax;
    for (const v1::WorkerRow& worker : workers.workers()) {
      for (const v1::RunningJob& running : worker.running()) {
        if (left-- > 0) WriteRunning(html, worker, running);
      }
    }
  });
  if (all > kRunningRowsMax) html.Leaf("p", {{"class", "quiet"}}, Cat("and ", all - kRunningRowsMax, " more"));
}

}  // namespace gofarm::page
