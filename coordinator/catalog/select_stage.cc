#include "coordinator/catalog/select_stage.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/obs/log.h"
#include "coordinator/catalog/selection.h"
#include "coordinator/domain/canonical.h"
#include "coordinator/domain/types.h"
#include "coordinator/service/batch_service.h"

namespace gofarm::catalog {
namespace {

// A reason without what is special to one module: "imported by 5" is "imported by".
std::string KindOf(const std::string& reason) {
  std::string kind = reason.substr(0, reason.find(':'));
  for (const std::string_view begin : {"the same program as ", "imported by ", "wanted by ", "its licence is "}) {
    if (kind.substr(0, begin.size()) == begin) return std::string(begin.substr(0, begin.size() - 1));
  }
  return kind;
}

std::string SelectedBecause(const std::string& reason) { return Cat("selected: ", KindOf(reason)); }

int64_t CountOf(const domain::JobCounts& jobs) {
  return jobs.queued + jobs.running + jobs.built + jobs.partial + jobs.nothing_to_build + jobs.failed + jobs.cancelled;
}

}  // namespace

absl::StatusOr<SelectionResult> Selector::DecideAll(const Scope& scope) {
  GOFARM_RETURN_IF_ERROR(forecaster_.Refresh(scope));
  std::vector<Candidate> candidates;
  for (int32_t after = 0;;) {
    GOFARM_ASSIGN_OR_RETURN(std::vector<Candidate> page, store_.Candidates(scope, after, config_.eligible_since));
    if (page.empty()) break;
    after = page.back().module_id;
    candidates.insert(candidates.end(), std::make_move_iterator(page.begin()), std::make_move_iterator(page.end()));
  }
  const std::vector<DecisionRow> rows = catalog::Select(candidates, config_.selection);
  for (size_t at = 0; at < rows.size(); at += kDecisionsAtOnce) {
    const size_t count = std::min(kDecisionsAtOnce, rows.size() - at);
    GOFARM_RETURN_IF_ERROR(store_.SaveDecisions(scope, epoch_, absl::MakeConstSpan(rows).subspan(at, count)));
  }
  SelectionResult result{.considered = static_cast<int64_t>(rows.size())};
  for (const DecisionRow& row : rows) {
    result.modules += row.selected ? 1 : 0;
    ++result.reasons[row.selected ? SelectedBecause(row.reason) : KindOf(row.reason)];
  }
  return result;
}

absl::Status Selector::LeaveOut(const Scope& scope, const std::vector<domain::LeftOut>& left_out,
                                std::vector<store::Unsubmitted>& modules, SelectionResult& result) {
  if (left_out.empty()) return absl::OkStatus();
  std::vector<DecisionRow> rows;
  std::vector<store::Unsubmitted> taken;
  auto line = left_out.begin();  // by line, which is a module's place plus 1
  for (size_t i = 0; i < modules.size(); ++i) {
    store::Unsubmitted& module = modules[i];
    if (line == left_out.end() || line->line != static_cast<int>(i) + 1) {
      taken.push_back(std::move(module));
      continue;
    }
    --result.reasons[SelectedBecause(module.reason)];
    rows.push_back({.module_id = module.module_id,
                    .version = std::move(module.version),
                    .reason = Cat(kLeftOutReason, ": ", Clip(line->why, kLeftOutWhyMax))});
    ++line;
  }
  modules = std::move(taken);
  std::erase_if(result.reasons, [](const auto& reason) { return reason.second == 0; });
  result.left_out = static_cast<int64_t>(rows.size());
  result.modules -= result.left_out;
  result.reasons[std::string(kLeftOutReason)] += result.left_out;
  return store_.LeaveOut(scope, epoch_, rows, WallNow());
}

absl::Status Selector::Submit(const Scope& scope, const SelectionRequest& request, int limit, bool by_itself,
                              SelectionResult& result) {
  // What is selected differs from one moment to the next; the request is the same all the same.
  const std::string content = digest::Sha256Hex(
      domain::CanonicalText("gofarm selection").Add("name", request.name).Add("submitter", request.submitter).text());
  if (request.submit && !request.request_id.empty()) {
    GOFARM_ASSIGN_OR_RETURN(const std::optional<domain::Batch> first,
                            batches_.FirstAnswer(scope, request.request_id, content));
    if (first) {
      result.batch_id = first->id.value;
      result.jobs = CountOf(first->jobs);
      GOFARM_ASSIGN_OR_RETURN(result.submitted, store_.SubmittedIn(scope, first->id));
      return absl::OkStatus();
    }
  }
  GOFARM_ASSIGN_OR_RETURN(
      std::vector<store::Unsubmitted> modules,
      store_.NotSubmitted(scope, limit, /*again=*/false, /*unpublished=*/by_itself && config_.updates.on));
  result.waiting = static_cast<int64_t>(modules.size());
  if (modules.empty()) return absl::OkStatus();
  if (!request.submit) {
    for (const store::Unsubmitted& module : modules)
      result.jobs += static_cast<int64_t>(TargetsOf(module.targets).size());
    return absl::OkStatus();
  }
  domain::SubmitRequest submission;
  submission.request_id =
      request.request_id.empty() ? Cat("catalog-", epoch_, "-", absl::ToUnixMicros(WallNow())) : request.request_id;
  submission.name = request.name.empty() ? "catalog" : request.name;
  submission.submitter = request.submitter.empty() ? "catalog" : request.submitter;
  submission.leave_out = true;
  submission.content_sha256 = content;
  int line = 0;
  for (const store::Unsubmitted& module : modules) {
    submission.entries.push_back(
        {.line = ++line, .module = module.path, .version = module.version, .targets = TargetsOf(module.targets)});
  }
  GOFARM_ASSIGN_OR_RETURN(const domain::BatchReceipt receipt, batches_.Submit(scope, submission));
  GOFARM_RETURN_IF_ERROR(LeaveOut(scope, receipt.left_out, modules, result));
  if (receipt.batch.id == BatchId{}) return absl::OkStatus();
  result.batch_id = receipt.batch.id.value;
  result.submitted = static_cast<int64_t>(modules.size());
  result.jobs = CountOf(receipt.batch.jobs);
  // A kill before this marks nothing: the next batch joins the same jobs.
  return store_.MarkSubmitted(scope, epoch_, modules, receipt.batch.id, by_itself);
}

absl::StatusOr<SelectionResult> Selector::Select(const Scope& scope, const SelectionRequest& request) {
  const absl::MutexLock lock(&mutex_);
  GOFARM_ASSIGN_OR_RETURN(SelectionResult result, DecideAll(scope));
  GOFARM_RETURN_IF_ERROR(Submit(scope, request, kSubmitAtOnceMax, /*by_itself=*/false, result));
  return result;
}

absl::StatusOr<StageTurn::Done> Selector::Turn(const Scope& scope) {
  GOFARM_ASSIGN_OR_RETURN(Done done, updater_.Turn(scope));
  const absl::MutexLock lock(&mutex_);
  const absl::Time now = SteadyNow();
  if (config_.auto_select == absl::ZeroDuration() || now < next_auto_) return done;
  GOFARM_ASSIGN_OR_RETURN(SelectionResult result, DecideAll(scope));
  GOFARM_ASSIGN_OR_RETURN(const int used, store_.BudgetUsed(scope));
  if (const int left = config_.auto_select_per_day - used; left > 0) {
    const absl::CivilDay today = absl::ToCivilDay(WallNow(), absl::UTCTimeZone());
    GOFARM_RETURN_IF_ERROR(Submit(scope, {.submit = true, .name = Cat("catalog ", absl::FormatCivilTime(today))},
                                  std::min(left, kSubmitAtOnceMax), /*by_itself=*/true, result));
    if (result.batch_id != 0) {
      obs::Info("catalog_submitted", {{"batch", Cat(result.batch_id)}, {"modules", Cat(result.submitted)}});
    }
  }
  next_auto_ = now + config_.auto_select;
  done.modules += result.considered;
  return done;
}

}  // namespace gofarm::catalog
