// The only door to prometheus-cpp, for programs with many series. Metrics are made once
// (name, help, labels from closed sets; never module names) and held by reference; Add, Set and Observe are thread-safe
// and lock-free enough for hot paths.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/metrics/exposition.h"

namespace gofarm::metrics {

class Counter {
 public:
  virtual ~Counter() = default;
  virtual void Add(double n = 1) = 0;
  // Shows what is counted elsewhere. A total below the one that is shown changes nothing.
  virtual void RaiseTo(double total) = 0;
};
class Gauge {
 public:
  virtual ~Gauge() = default;
  virtual void Set(double value) = 0;
};
class Histogram {
 public:
  virtual ~Histogram() = default;
  virtual void Observe(double value) = 0;
};

// Thread-safe. The same name and labels give the same metric; a name keeps the kind and help of its first use.
class Registry {
 public:
  Registry();
  ~Registry();
  Counter& GetCounter(const std::string& name, const std::string& help, const Labels& labels = {});
  Gauge& GetGauge(const std::string& name, const std::string& help, const Labels& labels = {});
  Histogram& GetHistogram(const std::string& name, const std::string& help, const std::vector<double>& bounds,
                          const Labels& labels = {});
  // As everything stands now, the series of a name by their labels.
  std::vector<Family> Collect() const;
  // In Prometheus' own form.
  std::string Text() const { return Write(Collect(), Format::kPrometheus); }

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gofarm::metrics
