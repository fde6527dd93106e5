#include "coordinator/webhook/sender.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/obs/log.h"
#include "common/sync/wait.h"
#include "coordinator/webhook/message.h"

namespace gofarm::webhook {
namespace {

using domain::WebhookMessage;

std::string WithQuery(const std::string& url, std::string_view path, std::string_view query) {
  const size_t mark = url.find('?');
  std::string base = url.substr(0, mark);
  const std::string own = mark == std::string::npos ? "" : url.substr(mark + 1);
  if (!path.empty() && base.back() == '/') base.pop_back();
  const std::string all = Cat(own, own.empty() || query.empty() ? "" : "&", query);
  return Cat(base, path, all.empty() ? "" : "?", all);
}

// The answer with the beginning of its text, however long that is.
absl::StatusOr<io::HttpResponse> Ask(const io::HttpAsk& ask, const Scope& scope, const io::HttpRequest& request) {
  std::string text;
  std::optional<io::HttpResponse> cut;
  const auto sink = [&text, &cut](const io::HttpResponse& head, std::string_view piece) -> absl::Status {
    const size_t room = kAnswerBytesMax - text.size();
    text += piece.substr(0, room);
    if (piece.size() <= room) return absl::OkStatus();
    cut = head;
    return absl::OutOfRangeError("enough was read");
  };
  absl::StatusOr<io::HttpResponse> answer = ask(scope, request,
                                                {.body_bytes = std::numeric_limits<int64_t>::max(),
                                                 .redirects = {.limit = 0},
                                                 .low_speed_time = kRequestMax,
                                                 .connect_time = kRequestMax / 2},
                                                sink);
  if (cut) answer = *std::move(cut);
  // Of another status than 2xx the text is there already, cut too.
  if (answer.ok() && answer->status / 100 == 2) answer->body = std::move(text);
  return answer;
}

}  // namespace

WebhookMetrics::WebhookMetrics(metrics::Registry& registry) {
  for (const Kind kind : {Kind::kDiscord, Kind::kJson}) {
    for (int result = 0; result <= static_cast<int>(kLastResult); ++result) {
      counters_[static_cast<int>(kind)][result] = &registry.GetCounter(
          "gofarm_webhook_messages_total", "Requests to webhooks, by what came of them.",
          {{"kind", std::string(KindName(kind))}, {"result", std::string(ResultName(static_cast<Result>(result)))}});
    }
  }
}

void WebhookMetrics::Add(Kind kind, Result result) {
  counters_[static_cast<int>(kind)][static_cast<int>(result)]->Add();
}

void Sender::Start() {
  thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
}

void Sender::Stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

Sender::State Sender::state() const {
  const absl::MutexLock lock(&mutex_);
  return state_;
}

void Sender::Run(const std::stop_token& stop) {
  absl::Duration rest;
  while (sync::SleepFor(stop, rest)) {
    const absl::StatusOr<absl::Duration> next = RunOnce(Scope::For(kStoreCallMax, stop));
    rest = next.value_or(kStoreRest);
    if (next.ok() || stop.stop_requested()) continue;
    obs::Warn("webhook_cannot_look", {{"kind", std::string(KindName(parts_.destination.kind))},
                                      {"error", std::string(next.status().message())}});
  }
}

absl::StatusOr<absl::Duration> Sender::RunOnce(const Scope& scope) {
  if (said_) GOFARM_RETURN_IF_ERROR(Keep(scope, absl::ZeroDuration()).status());
  const absl::Time now = parts_.clock.Now();
  if (!registered_) {
    GOFARM_RETURN_IF_ERROR(parts_.messages.Register(scope));
    registered_ = true;
  }
  if (state().parked) return kBatchPaceMax;
  if (now < not_before_) return std::min(not_before_ - now, kBatchPaceMax);
  if (plans_.empty() || now - planned_at_ > kNewsKept) GOFARM_RETURN_IF_ERROR(Look(scope));
  if (plans_.empty()) return kLookEvery;
  Plan plan = std::move(plans_.front());
  plans_.pop_front();
  return Tell(scope, std::move(plan));
}

absl::Status Sender::Look(const Scope& scope) {
  plans_.clear();
  GOFARM_RETURN_IF_ERROR(parts_.messages.TakeUp(scope).status());
  GOFARM_ASSIGN_OR_RETURN(const std::vector<WebhookMessage> open, parts_.messages.Open(scope));
  absl::flat_hash_set<BatchId> ids;
  for (const WebhookMessage& message : open) ids.insert(message.batch);
  absl::erase_if(times_, [&ids](const auto& entry) { return !ids.contains(entry.first); });

  planned_at_ = parts_.clock.Now();
  std::vector<WebhookMessage> due = ToLookAt(open, times_, planned_at_);
  if (due.empty()) return absl::OkStatus();
  std::vector<BatchId> batches;
  for (const WebhookMessage& message : due) batches.push_back(message.batch);
  GOFARM_ASSIGN_OR_RETURN(const std::vector<domain::BatchNews> news, parts_.messages.News(scope, batches));
  for (Plan& plan : WhatToSay(std::move(due), news, planned_at_, times_, failures_ > 0)) {
    plans_.push_back(std::move(plan));
  }
  return absl::OkStatus();
}

Verdict Sender::Send(const Scope& scope, const Plan& plan) const {
  const Destination& to = parts_.destination;
  const bool discord = to.kind == Kind::kDiscord;
  const bool edit = discord && !plan.message.message_id.empty();
  std::string text =
      discord ? DiscordBody(plan.news) : JsonBody(plan.event, plan.message.sequence, plan.news, parts_.write_batch);
  io::HttpRequest request{.method = edit ? io::HttpMethod::kPatch : io::HttpMethod::kPost,
                          .url = edit      ? WithQuery(to.url, Cat("/messages/", plan.message.message_id), "")
                                 : discord ? WithQuery(to.url, "", "wait=true")
                                           : to.url,
                          .headers = {{"Content-Type", "application/json"}},
                          .compressed = false};
  if (!to.secret.empty()) request.headers.Add("X-Gofarm-Signature", Signature(to.secret, text));
  io::StringBody body(std::move(text));
  request.body = &body;
  // A new message that is under way is not cut by a stop: nobody would know whether it is there.
  const Scope time = edit ? scope.Within(kRequestMax) : Scope::For(kRequestMax);
  return Judge(to.kind, edit, Ask(parts_.ask, time, request));
}

absl::StatusOr<absl::Duration> Sender::Tell(const Scope& scope, Plan plan) {
  GOFARM_RETURN_IF_ERROR(parts_.messages.AddJobs(scope, plan.news));
  Verdict verdict = Send(scope, plan);
  if (scope.stop.stop_requested() && verdict.result == Result::kUnavailable) return absl::ZeroDuration();
  Note(verdict);
  const absl::Time now = parts_.clock.Now();
  const absl::Duration rest = std::max(Spacing(parts_.destination.kind), verdict.wait);
  Times& times = times_[plan.message.batch];
  bool settled = false;  // by this try, well or not
  switch (verdict.result) {
    case Result::kSent:
      plan.message.message_id = verdict.message_id;
      settled = true;
      break;
    case Result::kEdited:
    case Result::kRefused:
      settled = true;
      break;
    case Result::kGone:
      // Somebody deleted it: the next one is new, and comes at once.
      times = {};
      said_ = {.batch = plan.message.batch, .sequence = plan.message.sequence};
      plans_.clear();
      return Keep(Scope::For(kRequestMax), rest);
    case Result::kParked:
      plans_.clear();
      return rest;
    case Result::kRateLimited:
      plans_.clear();
      not_before_ = now + rest;
      return rest;
    case Result::kUnavailable:
      plans_.clear();
      // A message that fails again and again says no more of the destination than it did; its own pace holds it back.
      if (!verdict.answered || failures_ == 0 || last_failed_ != plan.message.batch) {
        failures_ = std::min(failures_ + 1, 1'000);
      }
      last_failed_ = plan.message.batch;
      not_before_ = now + std::max(rest, BackoffDelay(kRetryPace, failures_, parts_.random()));
      // A host that is away or unreachable is no fault of the message; but others go before it next time.
      if (!verdict.answered) {
        times.unanswered = std::min(times.unanswered + 1, 1'000);
        break;
      }
      settled = ++times.tries >= kTriesMax;
      // It may be to blame. However well others are taken meanwhile, its tries are used up no sooner.
      times.look_at = now + BackoffDelay(kRetryPace, times.tries, parts_.random());
      if (settled) {
        obs::Warn("webhook_message_given_up", {{"kind", std::string(KindName(parts_.destination.kind))},
                                               {"batch", Cat(plan.message.batch.value)},
                                               {"tries", Cat(times.tries)},
                                               {"why", verdict.why}});
      }
      break;
  }
  if (verdict.result != Result::kUnavailable) failures_ = 0;
  if (!settled) return std::max(absl::ZeroDuration(), not_before_ - now);
  times = {.look_at = now + kBatchEvery, .told_at = now};
  said_ = {.batch = plan.message.batch,
           .sequence = plan.message.sequence,
           .message_id = plan.message.message_id,
           .said = Gist(plan.news),
           .ended = plan.event == Event::kEnded};
  if (verdict.wait > Spacing(parts_.destination.kind)) not_before_ = now + verdict.wait;
  // Also while it stops: what was said is kept.
  return Keep(Scope::For(kRequestMax), rest);
}

absl::StatusOr<absl::Duration> Sender::Keep(const Scope& scope, absl::Duration rest) {
  const absl::StatusOr<bool> kept = parts_.messages.Told(scope, *said_);
  if (!kept.ok()) return kept.status();
  if (!*kept) {
    obs::Warn("webhook_told_by_another",
              {{"kind", std::string(KindName(parts_.destination.kind))}, {"batch", Cat(said_->batch.value)}});
  }
  said_.reset();
  return rest;
}

void Sender::Note(const Verdict& verdict) {
  const Kind kind = parts_.destination.kind;
  parts_.metrics.Add(kind, verdict.result);
  const bool well = verdict.result == Result::kSent || verdict.result == Result::kEdited;
  bool was_well = false;
  {
    const absl::MutexLock lock(&mutex_);
    was_well = state_.fault.empty();
    state_.fault = verdict.why;
    if (well) state_.succeeded_at = WallNow();
    state_.parked = state_.parked || verdict.result == Result::kParked;
  }
  const absl::Time now = parts_.clock.Now();
  if (verdict.result == Result::kParked) {
    obs::Error("webhook_parked", {{"kind", std::string(KindName(kind))},
                                  {"host", parts_.destination.Shown()},
                                  {"why", verdict.why},
                                  {"what_now", "write the right address into its file, and restart the coordinator"}});
  } else if (!well && (was_well || now - warned_at_ >= kWarnEvery)) {
    warned_at_ = now;
    obs::Warn("webhook_failed", {{"kind", std::string(KindName(kind))},
                                 {"host", parts_.destination.Shown()},
                                 {"result", std::string(ResultName(verdict.result))},
                                 {"why", verdict.why}});
  } else if (well && !was_well) {
    obs::Info("webhook_answers_again", {{"kind", std::string(KindName(kind))}, {"host", parts_.destination.Shown()}});
  }
}

}  // namespace gofarm::webhook
