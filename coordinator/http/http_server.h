// A small listener for GET: /metrics, /healthz, /readyz and what comes later. Bounded in connections, header size and
// time; plaintext, hence loopback only. Thread-safe; handlers run on the server's own threads, may block for a moment
// and must bound their waits themselves.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace gofarm::http {

inline constexpr int kConnectionsMax = 64;
inline constexpr size_t kHeaderBytesMax = 8 << 10;
inline constexpr size_t kBodyBytesMax = 1 << 10;  // nothing here takes a body
inline constexpr absl::Duration kRequestTimeout = absl::Seconds(10);
inline constexpr int kThreads = 4;  // a readiness probe that waits for the database must not hide that we are alive

struct Response {
  int status = 200;
  std::string body;
  std::string content_type = "text/plain; charset=utf-8";
};

// By exact path, query left out.
using Routes = std::map<std::string, std::function<Response()>>;

class HttpServer {
 public:
  // `address` is HOST:PORT on this machine (port 0: any free one). INVALID_ARGUMENT when it is none,
  // FAILED_PRECONDITION, naming TLS, when it reaches further; UNAVAILABLE when it cannot be bound. `request_timeout` is
  // shorter in tests.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const std::string& address, Routes routes,
                                                           absl::Duration request_timeout = kRequestTimeout);
  ~HttpServer();  // ends connections, joins

  int port() const;

 private:
  class Impl;
  explicit HttpServer(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

// OK, or what Start would say of an address before it tries to bind it.
absl::Status CheckAddress(const std::string& address);

// /metrics (`metrics` gives the text), /healthz (OK as long as the process answers) and /readyz (503 with the reason
// when `ready` is not OK).
Routes OperationsRoutes(std::function<std::string()> metrics, std::function<absl::Status()> ready);

}  // namespace gofarm::http
