// The steps of a submission: check what was written, resolve versions through the proxy, name the jobs. Errors of all
// steps are collected, so that one answer holds all of them. Inside the service only; CheckRequest and Expand are pure.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/scope.h"
#include "coordinator/domain/recipe.h"
#include "coordinator/domain/types.h"
#include "coordinator/service/module_proxy.h"

namespace gofarm::service {

// Messages by line (0: the submission as a whole), reported in that order.
class Errors {
 public:
  void Add(int line, std::string text) { by_line_.emplace(line, std::move(text)); }
  bool empty() const { return by_line_.empty(); }
  // Those that concern a line, with the first error of each; the others stay.
  std::vector<domain::LeftOut> TakeLines();
  // INVALID_ARGUMENT with one error a line, "line N: " before those that have one; kErrorsShownMax at most.
  absl::Status ToStatus() const;

 private:
  std::multimap<int, std::string> by_line_;
};

struct CheckedModule {
  int line = 0;  // the first that names it
  std::string module;
  std::string version;               // empty: the latest
  std::vector<Target> targets = {};  // ascending; empty: those of the request
};
struct CheckedRequest {
  domain::SubmitRequest header;  // without the entries; targets ascending, targets and content_sha256 filled in
  // In the order of the list. Equal ones stand once, with the targets of all.
  std::vector<CheckedModule> modules;
};
// `goprivate`: see BatchRules.
CheckedRequest CheckRequest(const domain::SubmitRequest& request, const std::string& goprivate, Errors& errors);

// Fills in latest versions and asks whether the others exist (kCheckedVersionsMax at most, kProxyRequestsAtOnce at
// once).
void ResolveVersions(const Scope& scope, ModuleProxy& proxy, std::vector<CheckedModule>& modules, Errors& errors,
                     std::vector<std::string>& warnings);

// Modules times their targets with their recipe digests; what became equal by resolving "latest" counts once.
std::vector<domain::WantedJob> Expand(const std::vector<CheckedModule>& modules, const std::vector<Target>& targets,
                                      const std::string& toolset_digest, const domain::RecipePolicy& policy);

}  // namespace gofarm::service
