#include "cli/batch_diff.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/str_format.h"
#include "common/base/text.h"

namespace gofarm::cli {
namespace {

using Key = std::tuple<std::string, std::string, std::string>;  // module, target, version where it tells apart
using KeyedJobs = std::map<Key, const JobFacts*>;

bool IsOpen(const JobFacts& job) { return job.state == "queued" || job.state == "running"; }

// Higher: more of the module is there.
int RankOf(const JobFacts& job) {
  if (job.state == "built") return 3;
  if (job.state == "partial") return 2;
  return job.state == "nothing_to_build" ? 1 : 0;
}

std::set<std::string> ModulesWithSeveralVersions(const std::vector<JobFacts>& jobs) {
  std::map<std::string, std::string> version_of;
  std::set<std::string> several;
  for (const JobFacts& job : jobs) {
    const auto [it, fresh] = version_of.emplace(job.module, job.version);
    if (!fresh && it->second != job.version) several.insert(job.module);
  }
  return several;
}

// Of two jobs for the same the newer one counts.
KeyedJobs Keyed(const std::vector<JobFacts>& jobs, const std::set<std::string>& by_version) {
  KeyedJobs keyed;
  for (const JobFacts& job : jobs) {
    const bool version_counts = by_version.count(job.module) != 0;
    const JobFacts*& place = keyed[{job.module, job.target, version_counts ? job.version : ""}];
    if (place == nullptr || place->id < job.id) place = &job;
  }
  return keyed;
}

void Add(const JobFacts& job, DiffTotals& totals) {
  if (IsOpen(job)) return;
  ++totals.jobs;
  totals.built += job.state == "built" ? 1 : 0;
  totals.executables += job.executables;
  totals.bytes += job.bytes;
  totals.seconds += job.seconds;
}

std::vector<JobChange> ChangesOf(const JobFacts& before, const JobFacts& after) {
  std::vector<JobChange> changes;
  const int rank = RankOf(after) - RankOf(before);
  if (rank != 0) {
    changes.push_back(rank > 0 ? JobChange::kBetter : JobChange::kWorse);
  } else if (before.executables != after.executables) {
    changes.push_back(before.executables < after.executables ? JobChange::kBetter : JobChange::kWorse);
  } else if (before.failure_class != after.failure_class || before.state != after.state) {
    changes.push_back(JobChange::kOther);
  }
  // Sizes of other sets of programs say nothing.
  if (before.executables > 0 && before.executables == after.executables) {
    const int64_t grown = after.bytes - before.bytes;
    const auto least = std::max<double>(kSizeLeast, kSizeShare * static_cast<double>(before.bytes));
    if (static_cast<double>(std::abs(grown)) >= least) {
      changes.push_back(grown > 0 ? JobChange::kBigger : JobChange::kSmaller);
    }
  }
  if (before.seconds > 0 && after.seconds > 0 && before.state == "built" && after.state == "built") {
    const double longer = after.seconds - before.seconds;
    if (std::abs(longer) >= std::max(kTimeLeastSeconds, kTimeShare * before.seconds)) {
      changes.push_back(longer > 0 ? JobChange::kSlower : JobChange::kFaster);
    }
  }
  return changes;
}

std::string StateText(const JobFacts& job) {
  if (job.state.empty()) return "-";
  return job.failure_class.empty() ? job.state : Cat(job.state, " ", job.failure_class);
}

Color ColorOf(JobChange change) {
  switch (change) {
    case JobChange::kBetter:
      return Color::kGreen;
    case JobChange::kWorse:
      return Color::kRed;
    case JobChange::kBigger:
    case JobChange::kSlower:
    case JobChange::kOther:
      return Color::kYellow;
    default:
      return Color::kNone;
  }
}

// "+12.5 %".
std::string ShareText(double before, double after) {
  return before <= 0 ? "" : absl::StrFormat("%+.1f %%", (after - before) * 100 / before);
}

std::string ValueText(const DiffRow& row) {
  switch (row.change) {
    case JobChange::kBigger:
    case JobChange::kSmaller:
      return Cat(HumanBytes(row.before.bytes), " -> ", HumanBytes(row.after.bytes), " ",
                 ShareText(static_cast<double>(row.before.bytes), static_cast<double>(row.after.bytes)));
    case JobChange::kSlower:
    case JobChange::kFaster:
      return Cat(HumanSeconds(row.before.seconds), " -> ", HumanSeconds(row.after.seconds), " ",
                 ShareText(row.before.seconds, row.after.seconds));
    case JobChange::kAdded:
      return StateText(row.after);
    case JobChange::kRemoved:
      return StateText(row.before);
    default:
      break;
  }
  std::string text = Cat(StateText(row.before), " -> ", StateText(row.after));
  if (row.before.executables != row.after.executables) {
    text += Cat(", ", row.before.executables, " -> ", row.after.executables, " executables");
  }
  return text;
}

std::string VersionText(const DiffRow& row) {
  if (row.before.version == row.after.version || row.before.version.empty()) return row.after.version;
  return row.after.version.empty() ? row.before.version : Cat(row.before.version, " -> ", row.after.version);
}

void WriteJob(JsonWriter& json, std::string_view key, const JobFacts& job) {
  json.Key(key);
  if (job.id == 0) {
    json.Null();
    return;
  }
  json.BeginObject()
      .Field("job_id", job.id)
      .Field("version", job.version)
      .Field("state", job.state)
      .Field("failure_class", job.failure_class)
      .Field("executables", job.executables)
      .Field("bytes", job.bytes)
      .Field("seconds", std::round(job.seconds * 1000) / 1000)
      .EndObject();
}

void WriteTotals(JsonWriter& json, std::string_view key, int64_t batch, const DiffTotals& totals) {
  json.Key(key)
      .BeginObject()
      .Field("batch_id", batch)
      .Field("jobs", totals.jobs)
      .Field("built", totals.built)
      .Field("executables", totals.executables)
      .Field("bytes", totals.bytes)
      .Field("seconds", std::round(totals.seconds * 1000) / 1000)
      .EndObject();
}

}  // namespace

std::string_view JobChangeName(JobChange change) {
  switch (change) {
    case JobChange::kBetter:
      return "better";
    case JobChange::kWorse:
      return "worse";
    case JobChange::kOther:
      return "other";
    case JobChange::kBigger:
      return "bigger";
    case JobChange::kSmaller:
      return "smaller";
    case JobChange::kSlower:
      return "slower";
    case JobChange::kFaster:
      return "faster";
    case JobChange::kAdded:
      return "added";
    case JobChange::kRemoved:
      return "removed";
  }
  return "";
}

int64_t Comparison::Count(JobChange change) const {
  return std::count_if(rows.begin(), rows.end(), [change](const DiffRow& row) { return row.change == change; });
}

Comparison CompareBatches(const std::vector<JobFacts>& before, const std::vector<JobFacts>& after) {
  std::set<std::string> by_version = ModulesWithSeveralVersions(before);
  by_version.merge(ModulesWithSeveralVersions(after));
  const KeyedJobs old_jobs = Keyed(before, by_version), new_jobs = Keyed(after, by_version);
  Comparison diff;
  for (const auto& [key, job] : old_jobs) {
    Add(*job, diff.before);
    if (new_jobs.count(key) == 0) diff.rows.push_back({.change = JobChange::kRemoved, .before = *job});
  }
  for (const auto& [key, job] : new_jobs) {
    Add(*job, diff.after);
    const auto it = old_jobs.find(key);
    if (it == old_jobs.end()) {
      diff.rows.push_back({.change = JobChange::kAdded, .after = *job});
      continue;
    }
    if (IsOpen(*job) || IsOpen(*it->second)) {
      ++diff.open;
      continue;
    }
    const std::vector<JobChange> changes = ChangesOf(*it->second, *job);
    diff.unchanged += changes.empty() ? 1 : 0;
    for (const JobChange change : changes) {
      diff.rows.push_back({.change = change, .before = *it->second, .after = *job});
    }
  }
  std::stable_sort(diff.rows.begin(), diff.rows.end(),
                   [](const DiffRow& a, const DiffRow& b) { return a.change < b.change; });
  return diff;
}

std::string ChangeCounts(const Comparison& diff) {
  std::string counts;
  for (int i = 0; i <= static_cast<int>(kLastJobChange); ++i) {
    const auto change = static_cast<JobChange>(i);
    if (const int64_t n = diff.Count(change); n > 0) counts += Cat(n, " ", JobChangeName(change), ", ");
  }
  return Cat(counts, diff.unchanged, " unchanged", diff.open == 0 ? "" : Cat(", ", diff.open, " not ended"));
}

std::string DiffText(const Comparison& diff, int64_t before, int64_t after, const Terminal& terminal, size_t rows_max) {
  TableText rows({{"CHANGE"}, {"MODULE", false, true}, {"VERSION", false, true}, {"TARGET"}, {"WHAT", false, true}});
  const size_t shown = std::min(rows_max, diff.rows.size());
  for (size_t i = 0; i < shown; ++i) {
    const DiffRow& row = diff.rows[i];
    const JobFacts& named = row.after.id != 0 ? row.after : row.before;
    rows.Add({{JobChangeName(row.change), ColorOf(row.change)},
              named.module,
              VersionText(row),
              named.target,
              ValueText(row)});
  }
  TableText totals(
      {{"BATCH", true}, {"JOBS", true}, {"BUILT", true}, {"PROGRAMS", true}, {"SIZE", true}, {"BUILD TIME", true}});
  const auto add = [&totals](int64_t batch, const DiffTotals& of) {
    totals.Add(
        {Cat(batch), Cat(of.jobs), Cat(of.built), Cat(of.executables), HumanBytes(of.bytes), HumanSeconds(of.seconds)});
  };
  add(before, diff.before);
  add(after, diff.after);
  const size_t more = diff.rows.size() - shown;
  return Cat(rows.empty() ? "" : rows.Render(terminal), more == 0 ? "" : Cat("and ", more, " more changes\n"),
             ChangeCounts(diff), "\n", totals.Render(terminal));
}

void WriteDiff(JsonWriter& json, const Comparison& diff, int64_t before, int64_t after) {
  json.BeginObject();
  WriteTotals(json, "before", before, diff.before);
  WriteTotals(json, "after", after, diff.after);
  json.Key("counts").BeginObject();
  for (int i = 0; i <= static_cast<int>(kLastJobChange); ++i) {
    const auto change = static_cast<JobChange>(i);
    json.Field(JobChangeName(change), diff.Count(change));
  }
  json.Field("unchanged", diff.unchanged).Field("open", diff.open).EndObject();
  json.Key("changes").BeginArray();
  for (const DiffRow& row : diff.rows) {
    const JobFacts& named = row.after.id != 0 ? row.after : row.before;
    json.BeginObject()
        .Field("change", JobChangeName(row.change))
        .Field("module", named.module)
        .Field("target", named.target);
    WriteJob(json, "before", row.before);
    WriteJob(json, "after", row.after);
    json.EndObject();
  }
  json.EndArray().EndObject();
}

std::string DiffDocument(const Comparison& diff, int64_t before, int64_t after) {
  JsonWriter json;
  WriteDiff(json, diff, before, after);
  return json.Take();
}

}  // namespace gofarm::cli
