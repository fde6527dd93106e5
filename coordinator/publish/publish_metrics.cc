#include "coordinator/publish/publish_metrics.h"

#include <algorithm>
#include <array>
#include <utility>

namespace gofarm::publish {
namespace {

using domain::PublicationState;

constexpr std::array<std::string_view, 3> kKinds = {"index", "registry", "folder"};
constexpr std::array<PublicationState, 5> kStates = {PublicationState::kPending, PublicationState::kFailed,
                                                     PublicationState::kParked, PublicationState::kPublished,
                                                     PublicationState::kWithdrawn};

int64_t CountOf(const domain::PublicationCounts& counts, PublicationState state) {
  switch (state) {
    case PublicationState::kPending:
      return counts.pending;
    case PublicationState::kFailed:
      return counts.failed;
    case PublicationState::kParked:
      return counts.parked;
    case PublicationState::kPublished:
      return counts.published;
    case PublicationState::kWithdrawn:
      return counts.withdrawn;
  }
  return 0;
}

}  // namespace

std::string_view DestinationKind(std::string_view destination) {
  if (destination == domain::kIndexDestination) return kKinds[0];
  return !destination.empty() && destination.front() == '/' ? kKinds[2] : kKinds[1];
}

PublishMetrics::PublishMetrics(metrics::Registry& registry) {
  for (const std::string_view kind : kKinds) {
    OfKind of{.rows = {},
              .oldest = &registry.GetGauge(
                  "gofarm_publish_oldest_waiting_seconds",
                  "Since the oldest order that is pending or failed was given, by kind of destination; 0: none is.",
                  {{"destination_kind", std::string(kind)}})};
    for (const PublicationState state : kStates) {
      of.rows[state] = &registry.GetGauge(
          "gofarm_publish_rows", "Programs of a target at a destination, by kind of destination and state.",
          {{"destination_kind", std::string(kind)}, {"state", std::string(domain::Name(state))}});
    }
    kinds_.emplace(kind, std::move(of));
  }
  constexpr char kRequests[] = "gofarm_publish_requests_total";
  constexpr char kRequestsHelp[] =
      "Requests to registries by class: ok, or why not. not_found is also the answer to a look for what is not there "
      "yet.";
  requests_ok_ = &registry.GetCounter(kRequests, kRequestsHelp, {{"class", "ok"}});
  for (int i = 0; i <= static_cast<int>(oci::kLastFailureClass); ++i) {
    const auto why = static_cast<oci::FailureClass>(i);
    requests_failed_[why] =
        &registry.GetCounter(kRequests, kRequestsHelp, {{"class", std::string(oci::FailureClassName(why))}});
  }
  budget_left_ =
      &registry.GetGauge("gofarm_publish_budget_left", "Modules that may still become jobs by themselves today (UTC).");
  generation_ = &registry.GetGauge("gofarm_publish_index_generation", "Number of the index that is served; 0: none.");
  index_age_ =
      &registry.GetGauge("gofarm_publish_index_age_seconds", "Since the served index was written; 0: none is served.");
  withdrawals_ = &registry.GetGauge("gofarm_publish_withdrawals", "Modules and versions that people withdrew.");
  retracted_ = &registry.GetGauge("gofarm_publish_retracted_versions",
                                  "Versions that the index does not show, as their authors took them back.");
}

void PublishMetrics::AddRequest(std::optional<oci::FailureClass> failed) {
  (failed ? requests_failed_.at(*failed) : requests_ok_)->Add();
}

void PublishMetrics::Show(const std::optional<PublishFigures>& figures, absl::Time now) {
  const PublishFigures shown = figures.value_or(PublishFigures());
  for (auto& [kind, of] : kinds_) {
    absl::Duration oldest;
    std::map<PublicationState, int64_t> rows;
    for (const domain::PublicationCounts& counts : shown.destinations) {
      if (DestinationKind(counts.destination) != kind) continue;
      oldest = std::max(oldest, counts.oldest_waiting);
      for (const PublicationState state : kStates) rows[state] += CountOf(counts, state);
    }
    for (const auto& [state, gauge] : of.rows) gauge->Set(static_cast<double>(rows[state]));
    of.oldest->Set(absl::ToDoubleSeconds(oldest));
  }
  budget_left_->Set(static_cast<double>(shown.budget_left));
  generation_->Set(static_cast<double>(shown.generation));
  index_age_->Set(shown.generation_at == absl::InfinitePast()
                      ? 0
                      : std::max(0.0, absl::ToDoubleSeconds(now - shown.generation_at)));
  withdrawals_->Set(static_cast<double>(shown.totals.withdrawals));
  retracted_->Set(static_cast<double>(shown.totals.retracted));
}

}  // namespace gofarm::publish
