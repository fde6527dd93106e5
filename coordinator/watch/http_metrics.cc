#include "coordinator/watch/http_metrics.h"

#include <array>
#include <string>

namespace gofarm::watch {
namespace {

constexpr std::array<int, 18> kStatuses = {200, 204, 206, 301, 302, 304, 308, 400, 401,
                                           403, 404, 405, 413, 416, 421, 431, 500, 503};

metrics::Counter& AnswersOf(metrics::Registry& registry, const std::string& code) {
  return registry.GetCounter("gofarm_http_requests_total", "HTTP requests that were answered, by status.",
                             {{"code", code}});
}

}  // namespace

HttpMetrics::HttpMetrics(metrics::Registry& registry)
    : other_(&AnswersOf(registry, "other")),
      connections_(&registry.GetGauge("gofarm_http_connections", "HTTP connections that are open.")) {
  for (const int status : kStatuses) answers_[status] = &AnswersOf(registry, std::to_string(status));
}

void HttpMetrics::AddAnswer(int status) {
  const auto it = answers_.find(status);
  (it == answers_.end() ? other_ : it->second)->Add();
}

}  // namespace gofarm::watch
