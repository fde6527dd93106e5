#include "common/metrics/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace gofarm::metrics {
namespace {

class CounterImpl final : public Counter {
 public:
  explicit CounterImpl(prometheus::Counter& c) : c_(c) {}
  void Add(double n) override { c_.Increment(n); }
  void RaiseTo(double total) override {
    const absl::MutexLock lock(&mutex_);
    if (const double more = total - c_.Value(); more > 0) c_.Increment(more);
  }

 private:
  prometheus::Counter& c_;
  absl::Mutex mutex_;  // two scrapes must not both add the same difference
};
class GaugeImpl final : public Gauge {
 public:
  explicit GaugeImpl(prometheus::Gauge& g) : g_(g) {}
  void Set(double value) override { g_.Set(value); }

 private:
  prometheus::Gauge& g_;
};
class HistogramImpl final : public Histogram {
 public:
  explicit HistogramImpl(prometheus::Histogram& h) : h_(h) {}
  void Observe(double value) override { h_.Observe(value); }

 private:
  prometheus::Histogram& h_;
};

using Key = std::pair<std::string, Labels>;

Kind KindOf(prometheus::MetricType type) {
  if (type == prometheus::MetricType::Counter) return Kind::kCounter;
  return type == prometheus::MetricType::Histogram ? Kind::kHistogram : Kind::kGauge;
}

Series SeriesOf(const prometheus::ClientMetric& metric, prometheus::MetricType type) {
  Series series;
  for (const prometheus::ClientMetric::Label& label : metric.label) series.labels.emplace(label.name, label.value);
  if (type == prometheus::MetricType::Counter) series.value = metric.counter.value;
  if (type == prometheus::MetricType::Gauge) series.value = metric.gauge.value;
  if (type != prometheus::MetricType::Histogram) return series;
  series.sum = metric.histogram.sample_sum;
  series.count = metric.histogram.sample_count;
  for (const prometheus::ClientMetric::Bucket& bucket : metric.histogram.bucket) {
    if (!std::isinf(bucket.upper_bound)) series.buckets.push_back({bucket.upper_bound, bucket.cumulative_count});
  }
  return series;
}

}  // namespace

struct Registry::Impl {
  prometheus::Registry registry{prometheus::Registry::InsertBehavior::Merge};
  absl::Mutex mutex;
  std::map<Key, std::unique_ptr<CounterImpl>> counters ABSL_GUARDED_BY(mutex);
  std::map<Key, std::unique_ptr<GaugeImpl>> gauges ABSL_GUARDED_BY(mutex);
  std::map<Key, std::unique_ptr<HistogramImpl>> histograms ABSL_GUARDED_BY(mutex);
};

Registry::Registry() : impl_(std::make_unique<Impl>()) {}
Registry::~Registry() = default;

Counter& Registry::GetCounter(const std::string& name, const std::string& help, const Labels& labels) {
  absl::MutexLock lock(&impl_->mutex);
  auto& slot = impl_->counters[{name, labels}];
  if (!slot) {
    slot = std::make_unique<CounterImpl>(
        prometheus::BuildCounter().Name(name).Help(help).Register(impl_->registry).Add(labels));
  }
  return *slot;
}

Gauge& Registry::GetGauge(const std::string& name, const std::string& help, const Labels& labels) {
  absl::MutexLock lock(&impl_->mutex);
  auto& slot = impl_->gauges[{name, labels}];
  if (!slot) {
    slot = std::make_unique<GaugeImpl>(
        prometheus::BuildGauge().Name(name).Help(help).Register(impl_->registry).Add(labels));
  }
  return *slot;
}

Histogram& Registry::GetHistogram(const std::string& name, const std::string& help, const std::vector<double>& bounds,
                                  const Labels& labels) {
  absl::MutexLock lock(&impl_->mutex);
  auto& slot = impl_->histograms[{name, labels}];
  if (!slot) {
    slot = std::make_unique<HistogramImpl>(
        prometheus::BuildHistogram().Name(name).Help(help).Register(impl_->registry).Add(labels, bounds));
  }
  return *slot;
}

std::vector<Family> Registry::Collect() const {
  std::vector<Family> families;
  for (const prometheus::MetricFamily& from : impl_->registry.Collect()) {
    Family& family =
        families.emplace_back(Family{.name = from.name, .help = from.help, .kind = KindOf(from.type), .series = {}});
    for (const prometheus::ClientMetric& metric : from.metric) family.series.push_back(SeriesOf(metric, from.type));
    std::sort(family.series.begin(), family.series.end(),
              [](const Series& a, const Series& b) { return a.labels < b.labels; });
  }
  return families;
}

}  // namespace gofarm::metrics
