// The worker's own /metrics: plain on loopback addresses, over TLS on others, there for whoever has the token when one
// is asked for.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/http/http_server.h"
#include "common/metrics/exposition.h"

namespace gofarm::watch {

struct ListenerOptions {
  std::string address;           // HOST:PORT
  std::string certificate, key;  // PEM files; empty: plain, which is for this machine alone
  std::string token_file;        // of the word that "Authorization: Bearer" says; empty: none is asked for
};

inline constexpr size_t kTokenMin = 16;  // characters

// `text` makes the series, on a thread of the listener. Errors as those of http::HttpServer::Start.
absl::StatusOr<std::unique_ptr<http::HttpServer>> ListenForScrapes(const ListenerOptions& options,
                                                                   std::function<std::string(metrics::Format)> text);

// Whether this caller may read them. UNAUTHENTICATED; FAILED_PRECONDITION: the file holds no word.
absl::Status CheckBearer(const std::string& token_file, const std::string& bearer);

}  // namespace gofarm::watch
