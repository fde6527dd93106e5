// What the coordinator asks a Go module proxy before it stores a submission: does this version exist, which is the
// latest. An interface, so that tests need no network; MakeModuleProxy uses the real protocol. Thread-safe.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/scope.h"
#include "common/goproxy/list.h"

namespace gofarm::io {
class HttpClient;
}

namespace gofarm::service {

inline constexpr absl::Duration kProxyRequestMax = absl::Seconds(20);  // one question to one proxy

enum class VersionState {
  kThere,
  kAbsent,   // 404 or 410
  kRefused,  // 403
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

// "direct" is left out. `http` must outlive the result.
std::unique_ptr<ModuleProxy> MakeModuleProxy(const goproxy::List& proxies, const io::HttpClient& http);

}  // namespace gofarm::service
