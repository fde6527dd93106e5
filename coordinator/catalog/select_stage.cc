#include "coordinator/catalog/select_stage.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/obs/log.h"
#include "coordinator/catalog/selection.h"
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
    ++result.reasons[Cat(row.selected ? "selected: " : "", KindOf(row.reason))];
  }
  return result;
}

absl::Status Selector::Submit(const Scope& scope, const SelectionRequest& request, int limit, SelectionResult& result) {
  GOFARM_ASSIGN_OR_RETURN(const std::vector<store::Unsubmitted> modules,
                          store_.NotSubmitted(scope, limit, /*again=*/false));
  if (modules.empty()) return absl::OkStatus();
  domain::SubmitRequest submission;
  submission.request_id =
      request.request_id.empty() ? Cat("catalog-", epoch_, "-", absl::ToUnixMicros(absl::Now())) : request.request_id;
  submission.name = request.name.empty() ? "catalog" : request.name;
  submission.submitter = request.submitter.empty() ? "catalog" : request.submitter;
  submission.labels = {{"source", "catalog"}};
  int line = 0;
  for (const store::Unsubmitted& module : modules) {
    submission.entries.push_back({.line = ++line, .module = module.path, .version = module.version});
  }
  GOFARM_ASSIGN_OR_RETURN(const domain::BatchReceipt receipt, batches_.Submit(scope, submission));
  result.batch_id = receipt.batch.id.value;
  result.submitted = static_cast<int64_t>(modules.size());
  // A kill before this marks nothing: the next batch joins the same jobs.
  return store_.MarkSubmitted(scope, epoch_, modules, receipt.batch.id);
}

absl::StatusOr<SelectionResult> Selector::Select(const Scope& scope, const SelectionRequest& request) {
  const absl::MutexLock lock(&mutex_);
  GOFARM_ASSIGN_OR_RETURN(SelectionResult result, DecideAll(scope));
  if (request.submit) GOFARM_RETURN_IF_ERROR(Submit(scope, request, kSubmitAtOnceMax, result));
  return result;
}

absl::StatusOr<StageTurn::Done> Selector::Turn(const Scope& scope) {
  const absl::MutexLock lock(&mutex_);
  const absl::Time now = absl::Now();
  if (config_.auto_select == absl::ZeroDuration() || now < next_auto_) return Done{};
  const absl::CivilDay today = absl::ToCivilDay(now, absl::UTCTimeZone());
  if (today != auto_day_) {
    auto_day_ = today;
    auto_today_ = 0;
  }
  GOFARM_ASSIGN_OR_RETURN(SelectionResult result, DecideAll(scope));
  const int left = config_.auto_select_per_day - auto_today_;
  if (left > 0) {
    GOFARM_RETURN_IF_ERROR(Submit(scope, {.submit = true, .name = Cat("catalog ", absl::FormatCivilTime(today))},
                                  std::min(left, kSubmitAtOnceMax), result));
    auto_today_ += static_cast<int>(result.submitted);
    if (result.batch_id != 0) {
      obs::Info("catalog_submitted", {{"batch", Cat(result.batch_id)}, {"modules", Cat(result.submitted)}});
    }
  }
  next_auto_ = now + config_.auto_select;
  return Done{.modules = result.considered};
}

}  // namespace gofarm::catalog
