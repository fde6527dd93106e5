#include "worker/agent/report.h"

#include <gofarm/v1/worker.pb.h>

#include <algorithm>
#include <cmath>

#include "common/base/text.h"
#include "common/vocab/report_check.h"
#include "common/wire/report.h"

namespace gofarm::agent {
namespace {

constexpr size_t kShortDetail = 200;  // what is left of a failed program's detail when all of them are too large

template <typename Item, typename Has, typename Drop>
int DropFrom(std::vector<Item>& items, Has has, Drop drop) {
  int count = 0;
  for (Item& item : items) {
    if (!has(item)) continue;
    drop(item);
    ++count;
  }
  return count;
}
template <typename Item, typename Part>
int ClearIn(std::vector<Item>& items, Part Item::*part) {
  return DropFrom(
      items, [&](const Item& item) { return !(item.*part).empty(); }, [&](Item& item) { (item.*part).clear(); });
}

int DropPrograms(AttemptReport& r) {
  const auto programs = static_cast<int>(r.executables.size() + r.failed_programs.size());
  r.executables.clear();
  r.dependencies.clear();
  r.failed_programs.clear();
  r.variants.clear();
  r.outcome = AttemptOutcome::kFailed;
  r.failure_class = FailureClass::kOutputLimit;
  r.failure_detail = Cat("what is to be said of the module's ", programs, " programs is more than the ",
                         kCompleteBytesMax, " bytes or ", kExecutablesMax, " programs of a report");
  return programs;
}

int Drop(AttemptReport& r, ReportPart part) {
  switch (part) {
    case ReportPart::kBuildInfo:
      return ClearIn(r.executables, &Executable::build_info);
    case ReportPart::kGoMod:
      return ClearIn(r.variants, &VariantTry::go_mod);
    case ReportPart::kEnvironment:
      return ClearIn(r.variants, &VariantTry::environment);
    case ReportPart::kDependencies:
      r.dependencies.clear();
      return ClearIn(r.executables, &Executable::dependencies);
    case ReportPart::kArgv:
      return ClearIn(r.variants, &VariantTry::argv);
    case ReportPart::kFailureDetail:
      return DropFrom(
          r.failed_programs, [](const FailedProgram& p) { return p.failure_detail.size() > kShortDetail; },
          [](FailedProgram& p) { p.failure_detail = Clip(p.failure_detail, kShortDetail); });
    case ReportPart::kPrograms:
      return DropPrograms(r);
    case ReportPart::kProgramTexts:
      return DropFrom(
          r.executables, [](const Executable& e) { return !e.version_text.empty() || !e.help_text.empty(); },
          [](Executable& e) {
            e.version_text.clear();
            e.help_text.clear();
          });
  }
  return 0;
}

void LeaveOut(AttemptReport& r, ReportPart part) {
  if (const int items = Drop(r, part); items > 0) r.omitted.push_back({part, items});
}

bool HasTooMany(const AttemptReport& r, ReportPart part) {
  switch (part) {
    case ReportPart::kEnvironment:
    case ReportPart::kArgv:
      return std::any_of(r.variants.begin(), r.variants.end(),
                         [](const VariantTry& v) { return v.argv.size() + v.environment.size() > kArgumentsMax; });
    case ReportPart::kDependencies:
      return r.dependencies.size() > kDependenciesMax;
    case ReportPart::kPrograms:
      return r.executables.size() > kExecutablesMax || r.failed_programs.size() > kFailedProgramsMax;
    default:
      return false;
  }
}

size_t BytesOf(const AttemptReport& r) {
  v1::CompleteRequest message;
  // The largest that can stand before the report.
  message.set_token(INT64_MAX);
  message.set_job_id(INT64_MAX);
  wire::ToProto(r, message);
  return message.ByteSizeLong();
}

double Seconds(double seconds) { return std::isfinite(seconds) ? std::max(0.0, seconds) : 0.0; }

}  // namespace

AttemptReport FinalReport(AttemptReport report, const AttemptExtras& extras) {
  AttemptFacts& facts = report.facts;
  facts.worker_build = extras.worker_build;
  facts.log_sha256 = extras.log_sha256;
  facts.log_bytes = extras.log_bytes;
  std::erase_if(report.phases, [](const PhaseTime& p) { return p.phase == Phase::kNone; });
  if (extras.upload_seconds > 0) report.phases.push_back({Phase::kUpload, extras.upload_seconds});
  for (PhaseTime& p : report.phases) p.seconds = Seconds(p.seconds);
  for (VariantTry& v : report.variants) v.seconds = Seconds(v.seconds);
  report.cpu_seconds = Seconds(report.cpu_seconds);
  report.peak_memory_bytes = std::max<int64_t>(0, report.peak_memory_bytes);
  for (const ReportPart part : kLeftOutInOrder) {
    if (HasTooMany(report, part)) LeaveOut(report, part);
  }
  if (const absl::Status good = CleanReport(report); !good.ok()) return RefusedReport(Sv(good.message()), extras);
  for (const ReportPart part : kLeftOutInOrder) {
    if (BytesOf(report) <= kCompleteBytesMax) break;
    LeaveOut(report, part);
  }
  return report;
}

AttemptReport RefusedReport(std::string_view why, const AttemptExtras& extras) {
  AttemptReport report;
  report.failure_class = FailureClass::kInternal;
  report.failure_detail = Clip(EscapeForPrint(why, /*keep_newlines=*/true), kDetailBytesMax);
  report.facts.worker_build = extras.worker_build;
  report.facts.log_sha256 = extras.log_sha256;
  report.facts.log_bytes = extras.log_bytes;
  return report;
}

}  // namespace gofarm::agent
