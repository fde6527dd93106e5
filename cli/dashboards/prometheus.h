// What Prometheus answers to a query, by its HTTP API (prometheus.io/docs/prometheus/latest/querying/api): query_range,
// and query for what is asked at one time. Thread-safe as io::HttpClient is.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/scope.h"
#include "common/io/http_client.h"

namespace gofarm::dashboards {

inline constexpr size_t kSeriesMax = 500;     // of one answer; more are left out and counted
inline constexpr size_t kPointsMax = 11'000;  // of one series, as Prometheus' own limit

struct Point {
  double at = 0;  // Unix seconds
  double value = 0;
};
struct Series {
  std::map<std::string, std::string> labels;
  std::vector<Point> points;  // by time; NaN and infinities are left out, as nothing is to be drawn of them
};
struct Answer {
  std::vector<Series> series;  // those without a point are left out
  size_t left_out = 0;
};

// Of the body of an answer. INVALID_ARGUMENT: no answer of Prometheus, or it says what is wrong with the query.
absl::StatusOr<Answer> ReadAnswer(std::string_view body);

class Prometheus {
 public:
  // `url`: where its pages are, as http://127.0.0.1:9090.
  Prometheus(const io::HttpClient& http, std::string url);

  absl::StatusOr<Answer> Range(const Scope& scope, std::string_view expr, absl::Time from, absl::Time to,
                               absl::Duration step) const;
  absl::StatusOr<Answer> At(const Scope& scope, std::string_view expr, absl::Time time) const;

 private:
  absl::StatusOr<Answer> Ask(const Scope& scope, const std::string& path_and_query, std::string_view expr) const;

  const io::HttpClient& http_;
  const std::string url_;
};

}  // namespace gofarm::dashboards
