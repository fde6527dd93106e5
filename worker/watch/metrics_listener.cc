#include "worker/watch/metrics_listener.h"

#include <cstdint>
#include <utility>

#include "absl/strings/ascii.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/http/router.h"
#include "common/io/files.h"

namespace gofarm::watch {
namespace {

constexpr int64_t kTokenFileMax = 4096;
constexpr http::HttpLimits kLimits{.connections = 32, .per_address = 16, .streams = 1, .waiting_requests = 16};

}  // namespace

absl::Status CheckBearer(const std::string& token_file, const std::string& bearer) {
  GOFARM_ASSIGN_OR_RETURN(const std::string text, io::ReadFile(token_file, kTokenFileMax));
  const std::string token(absl::StripAsciiWhitespace(text));
  if (token.size() < kTokenMin) {
    return absl::FailedPreconditionError(Cat("the token file has less than ", kTokenMin, " characters"));
  }
  // Digests take the same time to compare however much of the word is right.
  if (digest::Sha256Hex(bearer) == digest::Sha256Hex(token)) return absl::OkStatus();
  return absl::UnauthenticatedError(
      "this listener takes \"Authorization: Bearer TOKEN\" with the word of its token file");
}

absl::StatusOr<std::unique_ptr<http::HttpServer>> ListenForScrapes(const ListenerOptions& options,
                                                                   std::function<std::string(metrics::Format)> text) {
  http::Router router;
  http::AddMetrics(router, std::move(text));
  http::HttpServerOptions server{.tls = {.certificate = options.certificate, .key = options.key}, .limits = kLimits};
  if (!options.token_file.empty()) {
    server.authorize = [file = options.token_file](const http::Caller& caller) {
      return CheckBearer(file, caller.bearer);
    };
  }
  return http::HttpServer::Start(options.address, std::move(router), std::move(server));
}

}  // namespace gofarm::watch
