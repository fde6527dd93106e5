#include "cli/report.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "absl/strings/str_format.h"
#include "common/base/text.h"
#include "common/json/writer.h"

namespace gofarm::cli {
namespace {

void Count(const JobFacts& job, TargetRate& rate) {
  if (job.state == "queued" || job.state == "running") {
    ++rate.open;
    return;
  }
  ++rate.jobs;
  rate.built += job.state == "built" ? 1 : 0;
  rate.partial += job.state == "partial" ? 1 : 0;
  rate.nothing_to_build += job.state == "nothing_to_build" ? 1 : 0;
  rate.failed += job.state == "failed" ? 1 : 0;
  rate.cancelled += job.state == "cancelled" ? 1 : 0;
}

std::string Percent(std::optional<double> share) { return share ? absl::StrFormat("%.1f %%", *share * 100) : "-"; }

std::string DistributionLine(std::string_view what, const Distribution& of, std::string (*human)(double)) {
  if (of.count == 0) return "";
  return Cat(what, ": ", of.count, " values, median ", human(of.median), ", 90 % below ", human(of.p90),
             ", 99 % below ", human(of.p99), ", largest ", human(of.most), ", together ", human(of.sum), "\n");
}

void WriteDistribution(JsonWriter& json, std::string_view key, const Distribution& of) {
  json.Key(key)
      .BeginObject()
      .Field("count", of.count)
      .Field("least", of.least)
      .Field("median", of.median)
      .Field("p90", of.p90)
      .Field("p99", of.p99)
      .Field("most", of.most)
      .Field("sum", of.sum);
  json.Key("buckets").BeginArray();
  for (const Distribution::Bucket& bucket : of.buckets) {
    json.BeginObject().Field("from", bucket.from).Field("to", bucket.to).Field("count", bucket.count).EndObject();
  }
  json.EndArray().EndObject();
}

std::string FailuresText(const Report& report, const Terminal& terminal) {
  if (report.failures.empty()) return "";
  std::string hints;
  for (size_t i = 0; i < report.failures.size() && i < kReportGroupsShown; ++i) {
    const FailureGroupRow& group = report.failures[i];
    if (!group.hint.empty()) hints += Cat("  ", group.failure_class, ": ", EscapeForPrint(group.hint), "\n");
  }
  const int64_t more =
      report.failure_groups_left_out +
      std::max<int64_t>(0, static_cast<int64_t>(report.failures.size()) - static_cast<int64_t>(kReportGroupsShown));
  return Cat("\nfailures\n", FailuresTable(report.failures, kReportGroupsShown, terminal),
             more == 0 ? "" : Cat("and ", more, " more groups\n"),
             report.older_left_out ? "these are the newest failures; there are older ones\n" : "",
             hints.empty() ? "" : Cat("what would mend them\n", hints));
}

}  // namespace

std::string BytesText(double bytes) { return HumanBytes(std::llround(bytes)); }
std::string SecondsText(double seconds) { return HumanSeconds(seconds); }

std::string FailuresTable(const std::vector<FailureGroupRow>& groups, size_t groups_max, const Terminal& terminal) {
  TableText table({{"JOBS", true}, {"MODULES", true}, {"CLASS"}, {"WHAT", false, true}, {"EXAMPLE", false, true}});
  for (size_t i = 0; i < std::min(groups_max, groups.size()); ++i) {
    const FailureGroupRow& group = groups[i];
    std::string example;
    if (!group.examples.empty()) {
      const FailureExampleRow& first = group.examples.front();
      example = Cat(first.job, " ", first.module, "@", first.version, " ", first.target);
    }
    table.Add({Cat(group.jobs), Cat(group.modules), {group.failure_class, Color::kRed}, group.fingerprint, example});
  }
  return table.empty() ? "" : table.Render(terminal);
}

std::optional<double> TargetRate::BuiltShare() const {
  const int64_t of = built + partial + failed;
  if (of == 0) return std::nullopt;
  return static_cast<double>(built) / static_cast<double>(of);
}

std::vector<TargetRate> RatesOf(const std::vector<JobFacts>& jobs) {
  std::map<std::string, TargetRate> by_target;
  TargetRate all{.target = "all"};
  for (const JobFacts& job : jobs) {
    Count(job, by_target[job.target]);
    Count(job, all);
  }
  std::vector<TargetRate> rates;
  for (auto& [target, rate] : by_target) {
    rate.target = target;
    rates.push_back(rate);
  }
  rates.push_back(all);
  return rates;
}

Distribution DistributionOf(std::vector<double> values) {
  std::erase_if(values, [](double value) { return !std::isfinite(value) || value <= 0; });
  Distribution of;
  of.count = static_cast<int64_t>(values.size());
  if (values.empty()) return of;
  std::sort(values.begin(), values.end());
  const auto at = [&values](double share) {
    return values[std::min(values.size() - 1, static_cast<size_t>(share * static_cast<double>(values.size())))];
  };
  of.least = values.front();
  of.median = at(0.5);
  of.p90 = at(0.9);
  of.p99 = at(0.99);
  of.most = values.back();
  const int last = static_cast<int>(std::floor(std::log2(values.back())));
  const int first =
      std::max(static_cast<int>(std::floor(std::log2(values.front()))), last - static_cast<int>(kBucketsMax) + 1);
  for (int power = first; power <= last; ++power) {
    of.buckets.push_back({.from = std::exp2(power), .to = std::exp2(power + 1)});
  }
  for (const double value : values) {
    of.sum += value;
    // What is smaller than the first bucket is told there.
    const int power = std::clamp(static_cast<int>(std::floor(std::log2(value))), first, last);
    ++of.buckets[static_cast<size_t>(power - first)].count;
  }
  return of;
}

std::vector<JobFacts> NewestOf(const std::vector<JobFacts>& jobs) {
  std::map<std::pair<std::string, std::string>, const JobFacts*> newest;
  for (const JobFacts& job : jobs) {
    if (job.is_rebuild) continue;
    const JobFacts*& place = newest[{job.module, job.target}];
    if (place == nullptr || place->id < job.id) place = &job;
  }
  std::vector<JobFacts> kept;
  for (const auto& [key, job] : newest) kept.push_back(*job);
  return kept;
}

Coverage CoverageOf(const std::vector<JobFacts>& newest) {
  std::map<std::string, int> built;
  for (const JobFacts& job : newest) built[job.module] += job.state == "built" ? 1 : 0;
  Coverage coverage{.modules = static_cast<int64_t>(built.size())};
  for (const auto& [module, targets] : built) ++coverage.by_targets[targets];
  return coverage;
}

void TakeJobs(const std::vector<JobFacts>& jobs, Report& report) {
  report.rates = RatesOf(jobs);
  std::vector<double> sizes, seconds;
  for (const JobFacts& job : jobs) {
    if (job.executables > 0) sizes.push_back(static_cast<double>(job.bytes));
    if (job.state == "built" || job.state == "partial") seconds.push_back(job.seconds);
  }
  report.sizes = DistributionOf(std::move(sizes));
  report.seconds = DistributionOf(std::move(seconds));
}

std::string ReportText(const Report& report, const Terminal& terminal) {
  std::string text = Cat(EscapeForPrint(report.title), "\n");
  if (!report.rates.empty()) {
    TableText table({{"TARGET"},
                     {"BUILT SHARE", true},
                     {"ENDED", true},
                     {"BUILT", true},
                     {"PARTIAL", true},
                     {"NOTHING", true},
                     {"FAILED", true},
                     {"CANCELLED", true},
                     {"OPEN", true}});
    for (const TargetRate& rate : report.rates) {
      table.Add({rate.target, Percent(rate.BuiltShare()), Cat(rate.jobs), Cat(rate.built), Cat(rate.partial),
                 Cat(rate.nothing_to_build), Cat(rate.failed), Cat(rate.cancelled), Cat(rate.open)});
    }
    text += table.Render(terminal);
  }
  if (report.coverage) {
    text += Cat("\n", report.coverage->modules, " modules");
    for (const auto& [targets, modules] : report.coverage->by_targets) {
      text += Cat(", ", modules, " built for ", targets, targets == 1 ? " target" : " targets");
    }
    text += "\n";
  }
  const std::string spread = Cat(DistributionLine("sizes", report.sizes, BytesText),
                                 DistributionLine("build times", report.seconds, SecondsText));
  if (!spread.empty()) text += Cat("\n", spread);
  text += FailuresText(report, terminal);
  if (report.previous != 0) {
    text += Cat("\ncompared with batch ", report.previous, "\n",
                DiffText(report.comparison, report.previous, report.batch, terminal, kReportChangesShown));
  }
  return text;
}

std::string ReportDocument(const Report& report) {
  JsonWriter json;
  json.BeginObject().Field("title", report.title).Field("made_at", report.made_at).Field("batch_id", report.batch);
  json.Key("targets").BeginArray();
  for (const TargetRate& rate : report.rates) {
    json.BeginObject().Field("target", rate.target).Key("built_share");
    if (const std::optional<double> share = rate.BuiltShare()) {
      json.Double(*share);
    } else {
      json.Null();
    }
    json.Field("ended", rate.jobs)
        .Field("built", rate.built)
        .Field("partial", rate.partial)
        .Field("nothing_to_build", rate.nothing_to_build)
        .Field("failed", rate.failed)
        .Field("cancelled", rate.cancelled)
        .Field("open", rate.open)
        .EndObject();
  }
  json.EndArray();
  json.Key("coverage");
  if (report.coverage) {
    json.BeginObject().Field("modules", report.coverage->modules).Key("built_for").BeginArray();
    for (const auto& [targets, modules] : report.coverage->by_targets) {
      json.BeginObject().Field("targets", targets).Field("modules", modules).EndObject();
    }
    json.EndArray().EndObject();
  } else {
    json.Null();
  }
  WriteDistribution(json, "bytes", report.sizes);
  WriteDistribution(json, "seconds", report.seconds);
  json.Key("failures").BeginArray();
  for (const FailureGroupRow& group : report.failures) {
    json.BeginObject()
        .Field("failure_class", group.failure_class)
        .Field("fingerprint", group.fingerprint)
        .Field("jobs", group.jobs)
        .Field("modules", group.modules)
        .Field("hint", group.hint);
    json.Key("examples").BeginArray();
    for (const FailureExampleRow& example : group.examples) {
      json.BeginObject()
          .Field("job_id", example.job)
          .Field("module", example.module)
          .Field("version", example.version)
          .Field("target", example.target)
          .EndObject();
    }
    json.EndArray().EndObject();
  }
  json.EndArray()
      .Field("failure_groups_left_out", report.failure_groups_left_out)
      .Field("older_failures_left_out", report.older_left_out)
      .Key("comparison");
  if (report.previous == 0) {
    json.Null();
  } else {
    WriteDiff(json, report.comparison, report.previous, report.batch);
  }
  json.EndObject();
  return json.Take();
}

}  // namespace gofarm::cli
