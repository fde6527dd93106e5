#include "coordinator/watch/farm_metrics.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

#include "common/metrics/process_metrics.h"
#include "common/pki/certificate.h"

namespace gofarm::watch {
namespace {

using metrics::Family;

constexpr std::array<std::string_view, dispatch::kRefuseReasons> kRefusals = {
    "", "no_free_slot", "draining", "unknown_toolset", "unsupported_target", "cannot_isolate", "disk_full"};

// A total of this leadership, added to what was shown of the ones before. Figures may come out of order.
template <typename Number>
void Raise(metrics::Counter& counter, Number total, Number& shown) {
  if (total <= shown) return;
  counter.Add(static_cast<double>(total - shown));
  shown = total;
}

// Without a value until there is one: 0 would be a full disk.
Family RoomSeries(const std::optional<StoredFigures>& stored) {
  Family family{.name = "gofarm_blob_store_free_bytes",
                .help = "Room where artifacts and logs lie.",
                .kind = metrics::Kind::kGauge,
                .series = {}};
  if (stored) family.series.push_back({.value = static_cast<double>(stored->free_bytes), .buckets = {}});
  return family;
}

Family CertificateSeries(const std::optional<StoredFigures>& stored, absl::Time wall) {
  Family family{.name = "gofarm_certificate_left_seconds",
                .help = "Until the certificate of this coordinator, and the farm's authority, end; where TLS is on.",
                .kind = metrics::Kind::kGauge,
                .series = {}};
  if (!stored) return family;
  for (const auto& [which, end] : {std::pair("authority", stored->authority), std::pair("server", stored->server)}) {
    if (!end) continue;
    family.series.push_back({.labels = {{"which", which}}, .value = absl::ToDoubleSeconds(*end - wall), .buckets = {}});
  }
  return family;
}

}  // namespace

std::optional<absl::Time> EndOfCertificate(std::string_view pem) {
  const absl::StatusOr<pki::Certificate> certificate = pki::ReadCertificate(pem);
  return certificate.ok() ? std::optional(certificate->not_after) : std::nullopt;
}

FarmMetrics::FarmMetrics(metrics::Registry& registry, std::string program, std::string version)
    : registry_(registry),
      program_(std::move(program)),
      version_(std::move(version)),
      leading_(&registry.GetGauge("gofarm_leading", "1 when this coordinator leads.")),
      epoch_(&registry.GetGauge("gofarm_epoch", "Epoch of the leadership; 0: this coordinator does not lead.")),
      leadership_changes_(&registry.GetCounter("gofarm_leadership_changes_total",
                                               "How often this coordinator took the lead, or lost it.")),
      attempts_lost_(&registry.GetCounter("gofarm_attempts_lost_total",
                                          "Attempts whose lease ran out, or whose worker "
                                          "left.")),
      store_failures_(&registry.GetCounter("gofarm_store_failures_total",
                                           "Calls of the dispatcher's store that "
                                           "failed.")),
      busy_seconds_(&registry.GetCounter("gofarm_dispatcher_busy_seconds_total",
                                         "Time in which the dispatcher's one thread worked.")),
      events_refused_(&registry.GetCounter("gofarm_dispatcher_events_refused_total",
                                           "Messages of workers that were refused, as too many waited.")),
      blob_bytes_(&registry.GetGauge("gofarm_blob_store_bytes", "Size of the artifacts that something refers to.")),
      toolset_(&registry.GetGauge("gofarm_toolset_generation",
                                  "Which of all toolsets of this farm jobs are built with, by when it was pinned.")) {
  for (const char* what : {"made", "accepted", "refused", "timed_out"}) {
    offers_[what] =
        &registry.GetCounter("gofarm_offers_total", "Offers to workers, by what came of them.", {{"what", what}});
  }
  for (size_t i = 1; i < kRefusals.size(); ++i) {
    refusals_[i] = &registry.GetCounter("gofarm_refusals_total", "Offers that workers refused, by reason.",
                                        {{"reason", std::string(kRefusals[i])}});
  }
}

void FarmMetrics::ShowDispatcher(const service::PublishedFigures& published) {
  const absl::MutexLock lock(&mutex_);
  if (published.epoch < shown_epoch_) return;
  if (published.epoch > shown_epoch_) {
    shown_epoch_ = published.epoch;
    shown_ = {};
    shown_busy_ = 0;
    shown_events_ = 0;
  }
  const dispatch::DispatchState::Counters& now = published.figures.counters;
  Raise(*offers_.at("made"), now.offers_made, shown_.offers_made);
  Raise(*offers_.at("accepted"), now.offers_accepted, shown_.offers_accepted);
  Raise(*offers_.at("refused"), now.offers_refused, shown_.offers_refused);
  Raise(*offers_.at("timed_out"), now.offers_timed_out, shown_.offers_timed_out);
  for (size_t i = 1; i < refusals_.size(); ++i) Raise(*refusals_[i], now.refused_for[i], shown_.refused_for[i]);
  Raise(*attempts_lost_, now.attempts_lost, shown_.attempts_lost);
  Raise(*store_failures_, now.store_failures, shown_.store_failures);
  Raise(*busy_seconds_, published.busy_seconds, shown_busy_);
  Raise(*events_refused_, published.events_refused, shown_events_);
}

void FarmMetrics::Show(const FarmView& view) {
  leading_->Set(view.leads ? 1 : 0);
  epoch_->Set(view.dispatcher == nullptr ? 0 : static_cast<double>(view.dispatcher->epoch));
  if (view.dispatcher != nullptr) ShowDispatcher(*view.dispatcher);
  if (!view.stored || !view.stored->totals) return;
  blob_bytes_->Set(static_cast<double>(view.stored->totals->artifact_bytes));
  toolset_->Set(static_cast<double>(view.stored->totals->toolset));
}

std::vector<Family> FarmMetrics::Collect(const FarmView& view, absl::Time now, absl::Time wall) {
  Show(view);
  std::vector<Family> all = registry_.Collect();
  const auto add = [&](std::vector<Family> more) {
    all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  };
  const dispatch::DispatchFigures none;
  const dispatch::DispatchFigures& figures = view.dispatcher == nullptr ? none : view.dispatcher->figures;
  add(QueueSeries(figures, wall));
  add(WorkerSeries(figures, view.host, now));
  add({RoomSeries(view.stored), CertificateSeries(view.stored, wall)});
  add(metrics::ProcessFamilies(metrics::ReadProcess(), program_, version_));
  return all;
}

}  // namespace gofarm::watch
