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

// `text` makes the series, on a thread of the listener. Errors as those of http::HttpServer::Start, and of a token file
// that cannot be used.
absl::StatusOr<std::unique_ptr<http::HttpServer>> ListenForScrapes(const ListenerOptions& options,
                                                                   std::function<std::string(metrics::Format)> text);

}  // namespace gofarm::watch
