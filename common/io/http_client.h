// HTTP GET with a deadline and a byte budget; also file:// for a folder that stands in for a proxy. The only home of
// libcurl. Thread-safe; one easy handle a call, so each call blocks its thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/base/scope.h"

namespace gofarm::io {

struct HttpLimits {
  int64_t body_bytes = 16 << 20;
  int redirects = 5;
};

struct HttpResponse {
  int status = 0;  // of file://: 200 or 404
  std::string body;
};

// A URL without user, password and query, fit for logs and messages.
std::string RedactUrl(std::string_view url);

class HttpClient {
 public:
  // `user_agent` says who asks.
  explicit HttpClient(std::string user_agent);
  ~HttpClient();

  // An HTTP error status is an answer, not an error. UNAVAILABLE: no answer (refused, reset, DNS, TLS);
  // DEADLINE_EXCEEDED, CANCELLED by the scope; RESOURCE_EXHAUSTED: the body is larger than its budget.
  absl::StatusOr<HttpResponse> Get(const Scope& scope, const std::string& url, const HttpLimits& limits = {}) const;

  // The body goes to `sink` piece by piece (false ends the transfer); `total` is the announced size, 0 when unknown.
  using BodySink = std::function<bool(std::string_view piece, int64_t total)>;
  absl::StatusOr<int> Download(const Scope& scope, const std::string& url, const HttpLimits& limits,
                               const BodySink& sink) const;

 private:
  const std::string user_agent_;
};

}  // namespace gofarm::io
