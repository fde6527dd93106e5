// The listener for GET and HEAD: metrics, health, and what people and clients read later, streams included. Bounded in
// connections, header size and time: for a request, for each piece of an answer, for silence between requests.
// Plain on loopback addresses, over TLS on all others. Handlers that may block and pieces of streams have bounded
// threads of their own, so a quick handler answers whatever they wait for; a stream that waits for news occupies no
// thread. Thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "coordinator/http/router.h"

namespace gofarm::http {

// One more takes the place of the one that has waited longest for a request; when none does, it is closed at once.
inline constexpr int kConnectionsMax = 400;
inline constexpr int kConnectionsPerAddressMax = 100;  // over TLS; more are closed at once
inline constexpr int kStreamsMax = 300;                // answers under way that are streams; more get 503
inline constexpr size_t kHeaderBytesMax = 8 << 10;
inline constexpr size_t kBodyBytesMax = 1 << 10;  // nothing here takes a body
inline constexpr int kIoThreads = 2;
inline constexpr int kHandlerThreads = 4;
inline constexpr size_t kHandlerQueueMax = 64;  // requests that wait for a handler's thread; more get 503
inline constexpr int kStreamThreads = 4;

inline constexpr absl::Duration kHandshakeMax = absl::Seconds(3);
inline constexpr absl::Duration kCertificateLook = absl::Seconds(3);

// What a request shows of its sender; both untrusted.
struct Caller {
  std::string certificate;  // PEM; empty: none
  std::string bearer;       // of the Authorization header; empty: none
};
// UNAUTHENTICATED and PERMISSION_DENIED become 401 and 403, any other failure 503. May wait; on a handler's thread.
using Authorize = std::function<absl::Status(const Caller&)>;

struct HttpServerOptions {
  std::string certificate_folder;  // where key.pem and cert.pem stand: the listener speaks TLS; empty: it is plain
  Authorize authorize;             // null: whoever connects may ask
  absl::Duration request_time = absl::Seconds(10);  // for a request to come whole, from the end of the one before
  absl::Duration piece_time = absl::Seconds(20);    // for the client to take an answer, or a piece of a stream
};

class HttpServer {
 public:
  // `address` is HOST:PORT of this machine (port 0: any free one). INVALID_ARGUMENT when it is none,
  // FAILED_PRECONDITION when a plain one is no loopback address; UNAVAILABLE when it cannot be bound.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const std::string& address, Router router,
                                                           HttpServerOptions options = {});
  // Ends connections and streams, waits for handlers, joins.
  ~HttpServer();

  int port() const;

 private:
  class Impl;
  explicit HttpServer(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

// OK, or what Start would say of an address before it tries to bind it.
absl::Status CheckAddress(const std::string& address, bool tls = false);

struct Operations {
  std::function<std::string()> metrics;  // the text
  std::function<absl::Status()> alive;   // must not wait
  std::function<absl::Status()> ready;
  std::function<std::string()> remarks;  // of one that is ready: lines for people; null: none
};
// /metrics, /healthz (503 with the reason when only a restart helps) and /readyz (503 with the reason when it takes no
// calls now; a ready one says below it what it does not do).
void AddOperations(Router& router, Operations operations);

}  // namespace gofarm::http
