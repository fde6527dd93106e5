// What the coordinator asks a Go module proxy: before it stores a submission, whether a version exists and which is the
// latest; for the catalog also the go.mod of a version and where its zip stands. Interfaces, so that tests need no
// network; the two Make functions use the real protocol. Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/scope.h"
#include "common/goproxy/list.h"
#include "common/io/http_client.h"

namespace gofarm::service {

inline constexpr absl::Duration kProxyRequestMax = absl::Seconds(20);  // one question to one proxy

enum class VersionState {
  kThere,
  kAbsent,   // 404 or 410
  kRefused,  // 403 or 451
  kUnknown,  // no answer, or one that says nothing: never "gone"
};
struct VersionAnswer {
  VersionState state = VersionState::kUnknown;
  std::string detail;  // for people, escaped
};

class ModuleProxy {
 public:
  virtual ~ModuleProxy() = default;

  // `module` and `version` are checked already.
  virtual VersionAnswer Check(const Scope& scope, const std::string& module, const std::string& version) = 0;
  // The version that Go would take for "latest": of the list the highest release that is not retracted, else the
  // highest pre-release, and what @latest says only when the list has neither. NOT_FOUND: the module is not there;
  // PERMISSION_DENIED: the proxy refuses it; UNAVAILABLE: no answer.
  virtual absl::StatusOr<std::string> Latest(const Scope& scope, const std::string& module) = 0;
};

struct ModAnswer {
  VersionState state = VersionState::kUnknown;
  std::string detail;
  std::string text;  // of kThere: the go.mod, or the one line that a proxy makes up where a version has none
};

struct ZipAnswer {
  VersionState state = VersionState::kUnknown;
  std::string detail;
  std::optional<int64_t> bytes;  // of kThere, when the proxy says it
  std::string url;               // of kThere: where it is to be asked for; the proxy may redirect from there
};

class ModuleSource : public ModuleProxy {
 public:
  // `module` and `version` are checked already. A go.mod of more than 16 MiB is unknown: Go would not take it.
  virtual ModAnswer Mod(const Scope& scope, const std::string& module, const std::string& version) = 0;
  // By the cheapest request: HEAD, or one byte where that is not answered.
  virtual ZipAnswer Zip(const Scope& scope, const std::string& module, const std::string& version) = 0;

  // To read it: calls `open` with the addresses where the zip may be asked for, until it is there. `open` returns OK
  // then; NOT_FOUND, PERMISSION_DENIED, UNAVAILABLE, CANCELLED or DEADLINE_EXCEEDED for what an address answered; any
  // other error means that it is there and useless, and is returned as it is. NOT_FOUND, PERMISSION_DENIED or
  // UNAVAILABLE when it is nowhere.
  using OpenUrl = std::function<absl::Status(const std::string& url)>;
  virtual absl::Status OpenZip(const Scope& scope, const std::string& module, const std::string& version,
                               const OpenUrl& open) = 0;
};

// "direct" is left out. `http` must outlive the result.
std::unique_ptr<ModuleProxy> MakeModuleProxy(const goproxy::List& proxies, const io::HttpClient& http);

// For many questions. Bulk readers are asked to put /cached-only before each path, which has a proxy answer with what
// it stores and fetch nothing. A mirror need not know it, so it is used only with a proxy that gave the same go.mod
// with and without it; and what is not there under it is asked for without it, since that is no absence. `ask` keeps
// the budget and sets the time of a request.
std::unique_ptr<ModuleSource> MakeModuleSource(const goproxy::List& proxies, io::HttpAsk ask);

}  // namespace gofarm::service
