#include "coordinator/rpc/call_metrics.h"

#include <string>

#include "coordinator/rpc/authorization.h"

namespace gofarm::rpc {
namespace {

const std::vector<double> kCallBounds = {0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60};

// Without its service: no two services have a method of one name.
std::string ShortName(std::string_view method) { return std::string(method.substr(method.rfind('/') + 1)); }

}  // namespace

CallMetrics::CallMetrics(metrics::Registry& registry) {
  for (const std::string_view method : MethodNames()) {
    const std::string name = ShortName(method);
    OfMethod of{.codes = {},
                .seconds = &registry.GetHistogram("gofarm_rpc_seconds", "Time of calls in their handler, by method.",
                                                  kCallBounds, {{"method", name}})};
    for (size_t code = 0; code < of.codes.size(); ++code) {
      of.codes[code] = &registry.GetCounter(
          "gofarm_rpc_calls_total", "Calls that ended, by method and status code.",
          {{"method", name}, {"code", absl::StatusCodeToString(static_cast<absl::StatusCode>(code))}});
    }
    methods_.emplace(method, of);
  }
  const auto refusals = [&](const char* why) {
    return &registry.GetCounter("gofarm_authentication_refusals_total",
                                "Callers that were turned away: nobody knows them, or their role does not suffice.",
                                {{"why", why}});
  };
  unauthenticated_ = refusals("unauthenticated");
  not_allowed_ = refusals("permission_denied");
  progress_dropped_ = &registry.GetCounter("gofarm_progress_dropped_total",
                                           "Progress messages of a worker for an attempt that another one runs.");
}

void CallMetrics::AddCall(std::string_view method, absl::StatusCode code, absl::Duration took) {
  const auto it = methods_.find(method);
  if (it == methods_.end()) return;
  const auto number = static_cast<size_t>(code);
  const size_t unknown = static_cast<size_t>(absl::StatusCode::kUnknown);
  it->second.codes.at(number < it->second.codes.size() ? number : unknown)->Add();
  it->second.seconds->Observe(absl::ToDoubleSeconds(took));
}

void CallMetrics::AddRefusal(absl::StatusCode code) {
  if (code == absl::StatusCode::kUnauthenticated) unauthenticated_->Add();
  if (code == absl::StatusCode::kPermissionDenied) not_allowed_->Add();
}

}  // namespace gofarm::rpc
