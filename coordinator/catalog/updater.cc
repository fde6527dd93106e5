#include "coordinator/catalog/updater.h"

#include <algorithm>
#include <utility>

#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/obs/log.h"
#include "coordinator/catalog/catalog.h"
#include "coordinator/catalog/documents.h"
#include "coordinator/catalog/selection.h"
#include "coordinator/domain/types.h"

namespace gofarm::catalog {
namespace {

std::vector<ProgramView> ProgramsOf(const UpdateCandidate& candidate) {
  DetectionDocument document;
  if (const absl::Status read = json::Read(candidate.document, json::Rule::kLenient, document); !read.ok()) {
    // As if nothing was found in it; the others must not wait for it.
    obs::Warn("detection_not_read", {{"module", Cat(candidate.module, "@", candidate.version)},
                                     {"error", EscapeAndClip(Sv(read.message()), kUpdateReasonMax)}});
    return {};
  }
  return std::move(document.programs);
}

std::string_view StateName(UpdateVerdict verdict) {
  switch (verdict) {
    case UpdateVerdict::kNothing:
      return "nothing";
    case UpdateVerdict::kQueue:
      return "next";
    case UpdateVerdict::kWaits:
      return "waits";
    case UpdateVerdict::kSkipped:
      return "skipped";
  }
  return "";
}

}  // namespace

bool Updater::IsDue(const store::UpdateStore::Head& head, absl::Time now) const {
  if (now < next_) return false;
  return !(head == seen_) || now >= latest_ || WallNow() >= wake_;
}

absl::StatusOr<Updater::Decided> Updater::Decide(const Scope& scope, absl::Time now) const {
  Decided decided;
  for (std::string after;;) {
    GOFARM_ASSIGN_OR_RETURN(std::vector<UpdateCandidate> page, store_.Candidates(scope, after));
    if (page.empty()) break;
    after = page.back().module;
    for (UpdateCandidate& candidate : page) {
      UpdateDecision decision =
          DecideUpdate(candidate, ProgramsOf(candidate), config_.updates, config_.selection.deny, now);
      if (decision.verdict == UpdateVerdict::kNothing) continue;
      candidate.document.clear();
      decided.candidates.push_back(std::move(candidate));
      decided.decisions.push_back(std::move(decision));
    }
  }
  GOFARM_ASSIGN_OR_RETURN(decided.used, catalog_.BudgetUsed(scope));
  WithinBudget(decided.candidates, std::min(config_.auto_select_per_day - decided.used, kSubmitAtOnceMax), now,
               decided.decisions);
  return decided;
}

absl::StatusOr<int64_t> Updater::MarkRetracted(const Scope& scope) {
  int64_t marked = 0;
  Retractable last;
  while (true) {
    GOFARM_ASSIGN_OR_RETURN(std::vector<Retractable> page, store_.Retractables(scope, last.module, last.version));
    if (page.empty()) return marked;
    const std::vector<RetractionMark> marks = MarksOf(page);
    GOFARM_RETURN_IF_ERROR(store_.MarkRetracted(scope, epoch_, marks));
    for (const RetractionMark& mark : marks) {
      obs::Info(mark.why.empty() ? "retraction_ended" : "version_retracted",
                {{"module", Cat(mark.module, "@", mark.version)}, {"why", mark.why}});
    }
    marked += static_cast<int64_t>(marks.size());
    last = std::move(page.back());
  }
}

absl::StatusOr<int64_t> Updater::Queue(const Scope& scope, const Decided& decided) {
  domain::SubmitRequest submission;
  std::vector<QueuedVersion> queued;
  std::vector<int32_t> ids;
  for (size_t i = 0; i < decided.candidates.size(); ++i) {
    const UpdateCandidate& candidate = decided.candidates[i];
    const UpdateDecision& decision = decided.decisions[i];
    if (decision.verdict != UpdateVerdict::kQueue) continue;
    queued.push_back({.module = candidate.module, .version = candidate.version, .targets = decision.targets});
    ids.push_back(candidate.module_id);
    submission.entries.push_back({.line = static_cast<int>(queued.size()),
                                  .module = candidate.module,
                                  .version = candidate.version,
                                  .targets = TargetsOf(decision.targets)});
  }
  if (queued.empty()) return 0;
  const absl::Time now = WallNow();
  submission.request_id = Cat("updates-", epoch_, "-", absl::ToUnixMicros(now));
  submission.name = Cat("updates ", absl::FormatCivilTime(absl::ToCivilDay(now, absl::UTCTimeZone())));
  submission.submitter = "catalog";
  submission.leave_out = true;
  GOFARM_ASSIGN_OR_RETURN(const domain::BatchReceipt receipt, batches_.Submit(scope, submission));
  for (QueuedVersion& version : queued) version.batch = receipt.batch.id;
  for (const domain::LeftOut& left : receipt.left_out) {
    const size_t i = static_cast<size_t>(left.line) - 1;
    if (i >= queued.size()) continue;
    queued[i].batch = BatchId{};
    queued[i].detail = EscapeAndClip(left.why, kUpdateReasonMax);
  }
  // A kill before this marks nothing: the jobs are there, so the version is not queued again.
  GOFARM_RETURN_IF_ERROR(store_.MarkQueued(scope, epoch_, queued));
  if (receipt.batch.id == BatchId{}) return 0;
  obs::Info("updates_submitted",
            {{"batch", Cat(receipt.batch.id.value)}, {"modules", Cat(queued.size() - receipt.left_out.size())}});
  // The selection need not offer them to a person again.
  std::vector<store::Unsubmitted> modules;
  for (size_t i = 0; i < queued.size(); ++i) {
    if (queued[i].batch != BatchId{}) modules.push_back({.module_id = ids[i], .version = queued[i].version});
  }
  GOFARM_RETURN_IF_ERROR(catalog_.MarkSubmitted(scope, epoch_, modules, receipt.batch.id));
  return static_cast<int64_t>(modules.size());
}

absl::StatusOr<StageTurn::Done> Updater::Turn(const Scope& scope) {
  StageTurn::Done done;
  if (!config_.updates.on) return done;
  const absl::Time began = SteadyNow();
  if (began < next_) return done;
  GOFARM_ASSIGN_OR_RETURN(const store::UpdateStore::Head head, store_.HeadNow(scope));
  if (!IsDue(head, began)) return done;
  GOFARM_ASSIGN_OR_RETURN(const int64_t retracted, MarkRetracted(scope));
  GOFARM_ASSIGN_OR_RETURN(const int64_t deprecated, store_.MarkDeprecated(scope, epoch_));
  GOFARM_ASSIGN_OR_RETURN(const Decided decided, Decide(scope, WallNow()));
  GOFARM_ASSIGN_OR_RETURN(const int64_t queued, Queue(scope, decided));
  done.modules = queued;
  done.taken_up = retracted + deprecated;
  seen_ = head;
  const absl::Time now = SteadyNow();
  next_ = now + (now - began) * kUpdatesRestShare;
  // The rest of what one call marks is due at once.
  latest_ = deprecated == store::kDeprecatedAtOnce ? now : now + kUpdatesLookMost;
  wake_ = absl::InfiniteFuture();
  for (const UpdateDecision& decision : decided.decisions) {
    if (decision.verdict == UpdateVerdict::kWaits) wake_ = std::min(wake_, decision.until);
  }
  return done;
}

absl::StatusOr<UpdatesView> Updater::View(const Scope& scope) const {
  UpdatesView view{.on = config_.updates.on,
                   .delay_seconds = absl::ToInt64Seconds(config_.updates.delay),
                   .prereleases = config_.updates.prereleases,
                   .per_day = config_.auto_select_per_day};
  GOFARM_ASSIGN_OR_RETURN(const Decided decided, Decide(scope, WallNow()));
  view.used_today = decided.used;
  view.left_today = std::max<int64_t>(view.per_day - view.used_today, 0);
  view.waiting_total = static_cast<int64_t>(decided.candidates.size());
  for (size_t i = 0; i < decided.candidates.size() && i < kUpdatesShownMax; ++i) {
    const UpdateCandidate& candidate = decided.candidates[i];
    const UpdateDecision& decision = decided.decisions[i];
    UpdateRow row{.module = candidate.module,
                  .published = HighestPublished(candidate),
                  .version = candidate.version,
                  .state = std::string(StateName(decision.verdict)),
                  .reason = Clip(decision.reason, kUpdateReasonMax),
                  .targets = TargetsOf(decision.targets)};
    if (decision.until != absl::InfiniteFuture()) row.until = decision.until;
    view.waiting.push_back(std::move(row));
  }
  constexpr int kShown = static_cast<int>(kUpdatesShownMax);
  GOFARM_ASSIGN_OR_RETURN(const std::vector<QueuedVersion> queued, store_.QueuedToday(scope, kShown));
  for (const QueuedVersion& version : queued) {
    view.queued.push_back({.module = version.module,
                           .version = version.version,
                           .targets = TargetsOf(version.targets),
                           .batch_id = version.batch.value,
                           .detail = version.detail,
                           .queued_at = version.queued_at});
  }
  GOFARM_ASSIGN_OR_RETURN(const std::vector<RetractionMark> retracted, store_.Retracted(scope, kShown));
  for (const RetractionMark& mark : retracted) view.retracted.push_back({mark.module, mark.version, mark.why});
  return view;
}

}  // namespace gofarm::catalog
