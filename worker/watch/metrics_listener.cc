#include "worker/watch/metrics_listener.h"

#include <utility>

#include "common/base/status_macros.h"
#include "common/http/bearer.h"
#include "common/http/router.h"

namespace gofarm::watch {
namespace {

constexpr http::HttpLimits kLimits{.connections = 32, .per_address = 16, .streams = 1, .waiting_requests = 16};

}  // namespace

absl::StatusOr<std::unique_ptr<http::HttpServer>> ListenForScrapes(const ListenerOptions& options,
                                                                   std::function<std::string(metrics::Format)> text) {
  http::Router router;
  http::AddMetrics(router, std::move(text));
  http::HttpServerOptions server{.tls = {.certificate = options.certificate, .key = options.key}, .limits = kLimits};
  if (!options.token_file.empty()) {
    GOFARM_RETURN_IF_ERROR_CTX(http::CheckTokenFile(options.token_file), "http_token_file");
    server.authorize = [file = options.token_file](const http::Caller& caller) {
      return http::CheckBearer(file, caller.bearer);
    };
  }
  return http::HttpServer::Start(options.address, std::move(router), std::move(server));
}

}  // namespace gofarm::watch
