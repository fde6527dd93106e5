// The module proxy behind its gate: service/module_proxy knows the protocol, the gate keeps budget, retries and pauses.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/goproxy/list.h"
#include "common/io/http_client.h"
#include "coordinator/catalog/service_gate.h"

namespace gofarm::catalog {

// A version that the proxy has not stored is fetched from its origin, for up to a minute.
inline constexpr absl::Duration kProxyTryTime = absl::Seconds(75);

// The addresses that a gate of this list must know. FAILED_PRECONDITION when the list names no proxy.
absl::StatusOr<std::vector<std::string>> ProxyUrls(const goproxy::List& proxies);

// A zip that comes whole, of up to 500 MiB; of ranges each is done in a moment.
inline constexpr absl::Duration kZipTryTime = absl::Minutes(5);

// For service::MakeModuleSource, and for whoever reads zips. All that ask through one gate share its budget, its pauses
// and its address rule. `gate` must outlive the result.
io::HttpAsk AskThrough(ServiceGate& gate, absl::Duration try_time = kProxyTryTime);

}  // namespace gofarm::catalog
