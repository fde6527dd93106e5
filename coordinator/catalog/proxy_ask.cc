#include "coordinator/catalog/proxy_ask.h"

namespace gofarm::catalog {

absl::StatusOr<std::vector<std::string>> ProxyUrls(const goproxy::List& proxies) {
  std::vector<std::string> urls;
  for (const goproxy::Entry& entry : proxies.entries) {
    if (entry.kind == goproxy::Entry::Kind::kProxy) urls.push_back(entry.url);
  }
  if (urls.empty()) {
    return absl::FailedPreconditionError("no module proxy is configured (goproxy): the catalog cannot ask for modules");
  }
  return urls;
}

io::HttpAsk AskThrough(ServiceGate& gate, absl::Duration try_time) {
  return [&gate, try_time](const Scope& scope, const io::HttpRequest& request, const io::HttpLimits& limits,
                           const io::HttpClient::BodySink& sink) {
    return gate.Ask(scope, request, {.body_bytes = limits.body_bytes, .try_time = try_time}, sink);
  };
}

}  // namespace gofarm::catalog
