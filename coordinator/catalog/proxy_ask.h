// The module proxy behind its gate: service/module_proxy knows the protocol, the gate keeps budget, retries and pauses.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "common/goproxy/list.h"
#include "coordinator/catalog/service_gate.h"
#include "coordinator/service/module_proxy.h"

namespace gofarm::catalog {

// A version that the proxy has not stored is fetched from its origin, for up to a minute.
inline constexpr absl::Duration kProxyTryTime = absl::Seconds(75);

// The addresses that a gate of this list must know. FAILED_PRECONDITION when the list names no proxy.
absl::StatusOr<std::vector<std::string>> ProxyUrls(const goproxy::List& proxies);

// For service::MakeModuleSource. `gate` must outlive the result.
service::ProxyAsk AskThrough(ServiceGate& gate);

}  // namespace gofarm::catalog
