// What `gofarm catalog detect` asks a Go module proxy without a farm: the latest version of a module, and its zip by
// ranges. The proxies are those of GOPROXY, else of `go env GOPROXY`, asked in turn as the go command does.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/scope.h"
#include "common/godetect/byte_reader.h"
#include "common/goproxy/list.h"
#include "common/io/http_client.h"

namespace gofarm::cli {

// INVALID_ARGUMENT says what to set.
absl::StatusOr<goproxy::List> FindProxies(const Scope& scope);

class ProxyReader {
 public:
  // `http` outlives this.
  ProxyReader(goproxy::List proxies, const io::HttpClient& http) : proxies_(std::move(proxies)), http_(http) {}

  // What go takes for "latest": the highest release that is not retracted, else the highest pre-release, else what the
  // proxy's @latest says.
  absl::StatusOr<std::string> Latest(const Scope& scope, const std::string& module) const;
  absl::StatusOr<std::unique_ptr<godetect::ByteReader>> OpenZip(const Scope& scope, const std::string& module,
                                                                const std::string& version,
                                                                godetect::FetchStats* stats) const;

 private:
  absl::Status InTurn(const std::string& module, const std::string& rest,
                      const std::function<absl::Status(const std::string& url)>& ask) const;
  absl::StatusOr<std::string> Fetch(const Scope& scope, const std::string& module, const std::string& rest,
                                    int64_t bytes_max) const;

  const goproxy::List proxies_;
  const io::HttpClient& http_;
};

}  // namespace gofarm::cli
