#include "coordinator/catalog/run_merge.h"

#include <algorithm>

#include "common/base/status_macros.h"

namespace gofarm::catalog {
namespace {

// The versions of one path, which one run or several have.
absl::Status MergeVersions(std::vector<RunReader*>& runs, MergeSink& sink) {
  if (runs.size() == 1) {
    while (true) {
      GOFARM_ASSIGN_OR_RETURN(const bool more, runs[0]->NextVersion());
      if (!more) return absl::OkStatus();
      GOFARM_RETURN_IF_ERROR(sink.Version(runs[0]->version(), runs[0]->micros(), runs[0]->id() != 0));
    }
  }
  std::vector<RunReader*> left;
  for (RunReader* const run : runs) {
    GOFARM_ASSIGN_OR_RETURN(const bool more, run->NextVersion());
    if (more) left.push_back(run);
  }
  std::string lowest;
  while (!left.empty()) {
    const RunReader* first = left[0];
    for (const RunReader* const run : left) {
      if (run->version() < first->version()) first = run;
    }
    lowest.assign(first->version());
    int64_t micros = first->micros();
    bool stored = first->id() != 0;
    for (size_t i = 0; i < left.size();) {
      RunReader* const run = left[i];
      if (run->version() != lowest) {
        ++i;
        continue;
      }
      if (!stored) {
        stored = run->id() != 0;
        micros = stored ? run->micros() : std::min(micros, run->micros());
      }
      GOFARM_ASSIGN_OR_RETURN(const bool more, run->NextVersion());
      if (more) {
        ++i;
      } else {
        left.erase(left.begin() + static_cast<std::ptrdiff_t>(i));
      }
    }
    GOFARM_RETURN_IF_ERROR(sink.Version(lowest, micros, stored));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status MergeRuns(absl::Span<RunReader* const> runs, MergeSink& sink) {
  const auto later = [](const RunReader* a, const RunReader* b) { return a->path() > b->path(); };
  std::vector<RunReader*> heap;
  for (RunReader* const run : runs) {
    GOFARM_ASSIGN_OR_RETURN(const bool more, run->NextPath());
    if (more) heap.push_back(run);
  }
  std::make_heap(heap.begin(), heap.end(), later);
  std::vector<RunReader*> same;
  while (!heap.empty()) {
    same.clear();
    int32_t id = 0;
    do {
      std::pop_heap(heap.begin(), heap.end(), later);
      same.push_back(heap.back());
      heap.pop_back();
      if (same.back()->id() != 0) id = same.back()->id();
    } while (!heap.empty() && heap.front()->path() == same[0]->path());
    GOFARM_RETURN_IF_ERROR(sink.BeginPath(same[0]->path(), id));
    GOFARM_RETURN_IF_ERROR(MergeVersions(same, sink));
    GOFARM_RETURN_IF_ERROR(sink.EndPath());
    for (RunReader* const run : same) {
      GOFARM_ASSIGN_OR_RETURN(const bool more, run->NextPath());
      if (!more) continue;
      heap.push_back(run);
      std::push_heap(heap.begin(), heap.end(), later);
    }
  }
  return absl::OkStatus();
}

}  // namespace gofarm::catalog
