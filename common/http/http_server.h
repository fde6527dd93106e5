// A listener for GET and HEAD: metrics, health, and what people and clients read later, streams and files included.
// Bounded in connections, header size and time: for the head of a request and for silence before it, and for a client
// that takes less of an answer than a minimum pace. Nothing bounds how long a client takes for a whole answer.
// Plain on loopback addresses, over TLS on all others, unless what it serves is for everybody. Handlers that may block
// and pieces of streams have bounded threads of their own, so a quick handler answers whatever they wait for; a stream
// that waits for news or for its client occupies no thread. A file goes out by sendfile(2) where there is no TLS.
// Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/http/router.h"
#include "common/metrics/exposition.h"

namespace gofarm::http {

// How much of everything one listener may have at a time.
struct HttpLimits {
  // One more takes the place of the one that has waited longest for a request; when none does, it is closed at once.
  int connections = 400;
  // Of them from one address (of IPv6 from one /64, which is what one host can choose from); more are closed at once.
  // 0: no bound of its own.
  int per_address = 0;
  int streams = 300;  // answers under way that are streams or files; more get 503
  // That wait for a thread which may block; more get 503, after which a browser does not follow a log any more. As many
  // as may follow one: they all come at once when a coordinator has started.
  int waiting_requests = 300;
};
// Of the operators' listeners: hundreds of followers, and room for what looks after the farm.
inline constexpr HttpLimits kPlainLimits{};
inline constexpr HttpLimits kTlsLimits{.per_address = 100};
// Of the one for everybody: each connection may be a download.
inline constexpr HttpLimits kPublicLimits{
    .connections = 4096, .per_address = 256, .streams = 4096, .waiting_requests = 2048};

// `wanted` with no more connections than a process with so many files may have: half of them are for sockets and files
// of this listener. At least kConnectionsLeast.
inline constexpr int kConnectionsLeast = 16;
HttpLimits WithinOpenFiles(HttpLimits wanted, int64_t open_files);

inline constexpr size_t kHeaderBytesMax = 8 << 10;
inline constexpr size_t kBodyBytesMax = 1 << 10;  // nothing here takes a body
inline constexpr int kIoThreads = 2;
inline constexpr int kHandlerThreads = 4;
inline constexpr int kOperationsThreads = 2;
inline constexpr size_t kOperationsWaiting = 16;  // more get 503
inline constexpr int kStreamThreads = 4;

inline constexpr absl::Duration kCertificateLook = absl::Seconds(3);
// A follower that left after it had sent what nobody reads is noticed so late.
inline constexpr absl::Duration kEndLook = absl::Seconds(1);

// What a request shows of its sender; both untrusted.
struct Caller {
  std::string certificate;  // PEM; empty: none
  std::string bearer;       // of the Authorization header; empty: none
};
// UNAUTHENTICATED and PERMISSION_DENIED become 401 and 403, any other failure 503. May wait; on a handler's thread.
using Authorize = std::function<absl::Status(const Caller&)>;

// PEM files; empty: no TLS. Looked at again every kCertificateLook.
struct TlsFiles {
  std::string certificate;  // the server's own first, then those between it and an authority
  std::string key;
};

struct HttpServerOptions {
  TlsFiles tls;
  Authorize authorize;         // null: whoever connects may ask, and no certificate is asked for
  bool for_everybody = false;  // may listen on every address without TLS too
  // By which a plain listener that asks nobody who they are may be called, besides addresses and localhost. Another
  // name is one that a page of a stranger has made to mean this machine (DNS rebinding): it gets 421.
  std::vector<std::string> names;
  HttpLimits limits = kPlainLimits;
  // Hears of each answer, as it begins to go out; any thread, must not wait. Null: nobody does.
  std::function<void(int status)> answered;
  std::atomic<int>* open = nullptr;  // counts the connections that are open, of several listeners; null: nobody asks
  absl::Duration handshake_time = absl::Seconds(3);
  absl::Duration request_time = absl::Seconds(10);  // for a request to come whole, from the end of the one before
  // A client that takes less than pace_bytes of an answer in a time of pace_time, while there is something for it, is
  // cut.
  absl::Duration pace_time = absl::Seconds(20);
  int64_t pace_bytes = 16 << 10;
  // A request that waited so long for a thread gets 503: its sender has most likely left.
  absl::Duration thread_patience = absl::Seconds(10);
};

class HttpServer {
 public:
  // `address` is HOST:PORT of this machine (port 0: any free one). INVALID_ARGUMENT when it is none,
  // FAILED_PRECONDITION when a plain one is no loopback address and not for everybody; UNAVAILABLE when it cannot be
  // bound. Errors of the certificate's files as they are.
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

// OK, or what Start would say of an address before it tries to bind it. `anywhere`: over TLS, or for everybody.
absl::Status CheckAddress(const std::string& address, bool anywhere = false);
// Of an address that CheckAddress takes: whether only this machine reaches it.
bool IsLoopback(const std::string& address);

// Whether a Host field names this machine in a way that no stranger decides: an IP address, localhost, one of `names`.
bool IsOwnHost(std::string_view host, const std::vector<std::string>& names);

struct Operations {
  std::function<std::string(metrics::Format)> metrics;  // in the form that is asked for
  std::function<absl::Status()> alive;                  // must not wait
  std::function<absl::Status()> ready;
  std::function<std::string()> remarks;  // of one that is ready: lines for people; null: none
};
// /metrics alone, in the form that the Accept header asks for.
void AddMetrics(Router& router, std::function<std::string(metrics::Format)> text);
// /metrics, /healthz (503 with the reason when only a restart helps) and /readyz (503 with the reason when it takes no
// calls now; a ready one says below it what it does not do).
void AddOperations(Router& router, Operations operations);

}  // namespace gofarm::http
