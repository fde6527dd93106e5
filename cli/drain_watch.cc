#include "cli/drain_watch.h"

#include <algorithm>

#include "cli/names.h"
#include "common/base/text.h"
#include "gofarm/v1/farm.pb.h"

namespace gofarm::cli {
namespace {

std::string Jobs(const v1::WorkerRow& row) {
  const int jobs = std::max(row.held(), row.running_size());
  std::string out = Cat("still runs ", jobs, jobs == 1 ? " job" : " jobs");
  size_t shown = 0;
  for (const v1::RunningJob& job : row.running()) {
    if (shown == kDrainJobsShown) return out + ", …";
    out += Cat(shown == 0 ? ": " : ", ", job.job_id(), " ", EscapeForPrint(job.module()), "@",
               EscapeForPrint(job.version()), " ", NameOf(job.target()));
    ++shown;
  }
  return out;
}

}  // namespace

std::string DrainWatch::Look(const v1::WorkerPage& rows) {
  std::string out;
  const auto say = [&](const std::string& worker, const std::string& what) {
    if (what == shown_[worker]) return;
    shown_[worker] = what;
    out += Cat(EscapeForPrint(worker), ": ", what, "\n");
  };
  std::set<std::string> known;
  for (const v1::WorkerRow& row : rows.workers()) {
    known.insert(row.name());
    if (!left_.contains(row.name())) continue;
    if (row.draining()) {
      draining_.insert(row.name());
    } else if (draining_.contains(row.name())) {
      say(row.name(), "was undrained meanwhile");
      undrained_.insert(row.name());
      left_.erase(row.name());
      continue;
    }
    if (row.held() > 0) {
      say(row.name(), Jobs(row));
    } else if (row.draining()) {
      say(row.name(), "nothing runs any more");
      left_.erase(row.name());
    }
  }
  const std::set<std::string> asked = left_;
  for (const std::string& worker : asked) {
    if (known.contains(worker)) continue;
    say(worker, "was removed");
    left_.erase(worker);
  }
  return out;
}

}  // namespace gofarm::cli
