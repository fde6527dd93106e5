// HTTP requests with a deadline and bounds on every part of the answer; also file:// (GET) for a folder that stands in
// for a server. The only home of libcurl (with url.cc). A call blocks its thread only. Connections are kept and used
// again by later calls of the same client, so a client is made once and shared; it is thread-safe. A proxy of the
// environment is used for all but this machine's own addresses.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/scope.h"
#include "common/io/http_headers.h"
#include "common/io/request_budget.h"
#include "common/io/url.h"

namespace gofarm::io {

inline constexpr size_t kIdleHandlesMax = 32;      // each keeps its last connections open
inline constexpr int kAnswerHeadersMax = 200;      // fields of one answer
inline constexpr size_t kErrorBodyMax = 64 << 10;  // of what a server says instead of what a sink waits for
inline constexpr size_t kBudgetHostsMax = 256;

// What is sent: its size is known before, and it can be sent again from the start (a redirect, a connection that the
// server had closed). Used by one call at a time.
class BodySource {
 public:
  virtual ~BodySource() = default;
  virtual int64_t size() const = 0;
  virtual absl::Status Rewind() = 0;
  // Some bytes, at most `limit`; 0 only at the end.
  virtual absl::StatusOr<size_t> Read(char* out, size_t limit) = 0;
};

class StringBody final : public BodySource {
 public:
  explicit StringBody(std::string text) : text_(std::move(text)) {}
  int64_t size() const override { return static_cast<int64_t>(text_.size()); }
  absl::Status Rewind() override {
    at_ = 0;
    return absl::OkStatus();
  }
  absl::StatusOr<size_t> Read(char* out, size_t limit) override;

 private:
  const std::string text_;
  size_t at_ = 0;
};

struct HttpRequest {
  HttpMethod method = HttpMethod::kGet;
  std::string url;
  HttpHeaders headers;         // Authorization and Cookie go to the first origin only
  BodySource* body = nullptr;  // of POST, PUT and PATCH; null sends an empty one
  std::optional<ByteRange> range;
  // With a range: the body of an answer 200, which is the whole in place of the part, is left unread.
  bool part_only = false;
  bool compressed = true;  // gzip or deflate is accepted and undone; never with a range
};

struct HttpLimits {
  int64_t body_bytes = 16 << 20;  // of the answer, after decompression
  size_t header_bytes = 64 << 10;
  RedirectPolicy redirects;
  // A transfer slower than this for this long is ended, though its scope may have time left.
  int64_t low_speed_bytes = 1;  // a second
  absl::Duration low_speed_time = absl::Minutes(2);
  absl::Duration connect_time = absl::Seconds(15);
  // For URLs that come from outside: every address that is connected to, after each redirect too, must be public;
  // file:// is refused. It connects directly, without a configured proxy, which would resolve names by itself.
  bool public_addresses_only = false;
  // Exceptions, asked for the first URL and for each redirect's: true and this one may lead anywhere, as without the
  // rule. An operator's own server may stand on a private address; what it redirects to is from outside again.
  std::function<bool(const Url& url)> may_be_private;
};

struct HttpResponse {
  int status = 0;  // of file://: 200, 206 or 404
  HttpHeaders headers;
  std::string body;  // of Send with a sink: what came with another status than 2xx, cut at kErrorBodyMax
  std::string url;   // that gave this answer, after redirects; may hold a secret
  std::optional<int64_t> content_length;  // as announced; null also when the body was compressed
  std::optional<absl::Duration> retry_after;
  int redirects = 0;
  int new_connections = 0;  // 0: a kept one was used
};

class HttpClient {
 public:
  // `user_agent` says who asks.
  explicit HttpClient(std::string user_agent);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // An HTTP error status is an answer, not an error. UNAVAILABLE: no answer (refused, reset, cut, DNS, TLS, too slow, a
  // redirect loop); DEADLINE_EXCEEDED, CANCELLED by the scope; RESOURCE_EXHAUSTED: body or header fields are larger
  // than their limits; PERMISSION_DENIED: redirect or address rule; INVALID_ARGUMENT: no URL, bad header field. What
  // `request.body` returns comes back as it is.
  absl::StatusOr<HttpResponse> Send(const Scope& scope, const HttpRequest& request,
                                    const HttpLimits& limits = {}) const;
  absl::StatusOr<HttpResponse> Get(const Scope& scope, const std::string& url, const HttpLimits& limits = {}) const {
    return Send(scope, {.url = url}, limits);
  }

  // The body of a 2xx answer goes to `sink` piece by piece, with the status and header fields it came with; a status
  // other than OK ends the transfer and is returned.
  using BodySink = std::function<absl::Status(const HttpResponse& head, std::string_view piece)>;
  absl::StatusOr<HttpResponse> Send(const Scope& scope, const HttpRequest& request, const HttpLimits& limits,
                                    const BodySink& sink) const;

  // Every request to `host` (lower case, without port), redirects included, waits for its turn. May be changed at any
  // time. RESOURCE_EXHAUSTED beyond kBudgetHostsMax hosts.
  absl::Status SetBudget(const std::string& host, const BudgetLimits& limits);

 private:
  class Pool;
  class Budgets;
  const std::string user_agent_;
  const std::unique_ptr<Pool> pool_;
  const std::unique_ptr<Budgets> budgets_;
};

// One request, made by whatever keeps a budget, asks again or counts; it may set the time of a try and which addresses
// are allowed. As Send: the body of a 2xx answer goes to `sink` unless that is null. Thread-safe.
using HttpAsk = std::function<absl::StatusOr<HttpResponse>(const Scope& scope, const HttpRequest& request,
                                                           const HttpLimits& limits, const HttpClient::BodySink& sink)>;
// Straight to the server. `http` must outlive the result.
HttpAsk AskDirectly(const HttpClient& http);

}  // namespace gofarm::io
