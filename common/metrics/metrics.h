// The only door to prometheus-cpp; apart from common/obs, so that who only logs needs none. Metrics are made once
// (name, help, labels from closed sets; never module names) and held by reference; Add, Set and Observe are thread-safe
// and lock-free enough for hot paths.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace gofarm::metrics {

using Labels = std::map<std::string, std::string>;

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
  // The text exposition format, version 0.0.4.
  std::string Text() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gofarm::metrics
