#include "coordinator/service/submission.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_join.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/gomod/path.h"
#include "common/gomod/version.h"
#include "coordinator/domain/canonical.h"
#include "coordinator/service/batch_service.h"

namespace gofarm::service {
namespace {

constexpr size_t kRequestIdMax = 64;
constexpr size_t kShownMax = 200;

std::string Shown(std::string_view text) { return Clip(EscapeForPrint(text), kShownMax); }

void CheckText(std::string_view what, std::string_view text, size_t bytes_max, Errors& errors) {
  if (text.size() > bytes_max) {
    errors.Add(0, Cat(what, " is ", text.size(), " bytes long, at most ", bytes_max, " are taken"));
  } else if (EscapeForPrint(text) != text) {
    errors.Add(0, Cat(what, " \"", Shown(text), "\" holds a control character or is no UTF-8"));
  }
}

bool IsRequestId(std::string_view id) {
  return !id.empty() && id.size() <= kRequestIdMax && std::all_of(id.begin(), id.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-';
  });
}

// Empty: all targets are known.
std::string UnknownTarget(const std::vector<Target>& targets) {
  for (const Target target : targets) {
    if (std::find(kAllTargets.begin(), kAllTargets.end(), target) == kAllTargets.end()) {
      return Cat("unknown target number ", static_cast<int>(target), "; targets are ", kTargetNames);
    }
  }
  return "";
}

void SortUnique(std::vector<Target>& targets) {
  std::sort(targets.begin(), targets.end());
  targets.erase(std::unique(targets.begin(), targets.end()), targets.end());
}

void CheckHeader(domain::SubmitRequest& header, Errors& errors) {
  if (!IsRequestId(header.request_id)) {
    errors.Add(0, Cat("request id \"", Shown(header.request_id), "\" is not 1 to 64 of A-Z a-z 0-9 _ -"));
  }
  CheckText("name", header.name, kNameBytesMax, errors);
  CheckText("submitter", header.submitter, kNameBytesMax, errors);
  if (header.priority > kPriorityMax || header.priority < -kPriorityMax) {
    errors.Add(0, Cat("priority ", header.priority, " is not between ", -kPriorityMax, " and ", kPriorityMax));
  }
  if (const absl::Status labels = CheckLabels(header.labels); !labels.ok()) {
    errors.Add(0, std::string(labels.message()));
  }
  std::vector<Target>& targets = header.targets;
  if (std::string unknown = UnknownTarget(targets); !unknown.empty()) return errors.Add(0, std::move(unknown));
  if (targets.empty()) targets.assign(kAllTargets.begin(), kAllTargets.end());
  SortUnique(targets);
}

// Of all that a submission asks for, as it was written: what "latest" is now changes nothing. Two lists that name the
// same modules in another order are not the same, for so is their queue.
std::string ContentDigest(const CheckedRequest& checked) {
  const domain::SubmitRequest& header = checked.header;
  domain::CanonicalText text("gofarm submission");
  text.Add("name", header.name).Add("submitter", header.submitter).Add("priority", header.priority);
  text.Add("force", int64_t{header.force}).Add("leave_out", int64_t{header.leave_out});
  for (const auto& [key, value] : header.labels) text.Add("label", key).Add("value", value);
  const auto add_targets = [&](const std::vector<Target>& targets) {
    for (const Target target : targets) text.Add("target", static_cast<int64_t>(target));
  };
  add_targets(header.targets);
  for (const CheckedModule& module : checked.modules) {
    text.Add("module", module.module).Add("version", module.version);
    add_targets(module.targets);
  }
  return digest::Sha256Hex(text.text());
}

// Runs `work(i)` for i below `count` on a few threads. These calls wait for a network, so a thread each is cheap.
template <typename Work>
void InParallel(size_t count, const Work& work) {
  const size_t threads = std::min<size_t>(count, kProxyRequestsAtOnce);
  std::atomic<size_t> next = 0;
  std::vector<std::jthread> pool;
  for (size_t t = 0; t < threads; ++t) {
    pool.emplace_back([&] {
      for (size_t i = next++; i < count; i = next++) work(i);
    });
  }
}

}  // namespace

std::vector<domain::LeftOut> Errors::TakeLines() {
  std::vector<domain::LeftOut> lines;
  const auto begin = by_line_.upper_bound(0);
  for (auto it = begin; it != by_line_.end(); ++it) {
    if (lines.empty() || lines.back().line != it->first) lines.push_back({.line = it->first, .why = it->second});
  }
  by_line_.erase(begin, by_line_.end());
  return lines;
}

absl::Status Errors::ToStatus() const {
  if (by_line_.empty()) return absl::OkStatus();
  std::vector<std::string> lines;
  for (const auto& [line, text] : by_line_) {
    if (lines.size() == kErrorsShownMax) {
      lines.push_back(Cat("and ", by_line_.size() - kErrorsShownMax, " more errors"));
      break;
    }
    lines.push_back(line > 0 ? Cat("line ", line, ": ", text) : text);
  }
  return absl::InvalidArgumentError(absl::StrJoin(lines, "\n"));
}

CheckedRequest CheckRequest(const domain::SubmitRequest& request, const std::string& goprivate, Errors& errors) {
  CheckedRequest checked;
  checked.header = {.request_id = request.request_id,
                    .name = request.name,
                    .submitter = request.submitter,
                    .targets = request.targets,
                    .force = request.force,
                    .priority = request.priority,
                    .labels = request.labels,
                    .content_sha256 = request.content_sha256,
                    .leave_out = request.leave_out};
  CheckHeader(checked.header, errors);
  if (request.entries.empty()) {
    errors.Add(0, "batch names no modules");
    return checked;
  }
  if (request.entries.size() > kEntriesMax) {
    errors.Add(0, Cat("batch names ", request.entries.size(), " modules, at most ", kEntriesMax,
                      " are taken: split the list"));
    return checked;
  }
  absl::flat_hash_map<std::pair<std::string, std::string>, size_t> seen;
  for (const domain::SubmitEntry& entry : request.entries) {
    const std::string version = entry.version == "latest" ? "" : entry.version;
    // Both faults of a line at once.
    const absl::Status path = gomod::CheckModulePath(entry.module);
    const absl::Status canonical = version.empty() ? absl::OkStatus() : gomod::CheckVersion(version);
    if (!path.ok()) errors.Add(entry.line, std::string(path.message()));
    if (!canonical.ok()) {
      errors.Add(entry.line, Cat(Sv(canonical.message()), "; write a full version like v1.2.3, or latest"));
    }
    std::string unknown = UnknownTarget(entry.targets);
    if (!path.ok() || !canonical.ok()) continue;
    const absl::Status fits = version.empty() ? absl::OkStatus() : gomod::CheckPathMajor(entry.module, version);
    if (!fits.ok()) {
      errors.Add(entry.line, std::string(fits.message()));
    } else if (gomod::MatchPrefixPatterns(goprivate, entry.module)) {
      // Go would bypass the proxies for it, and a farm has no other source. A proxy must not learn its name either.
      errors.Add(entry.line, Cat(entry.module,
                                 ": goprivate (GOPRIVATE) keeps this module from module proxies, and a farm gets "
                                 "modules from nowhere else; let a proxy serve it and name it in gonosumdb instead"));
    } else if (!unknown.empty()) {
      errors.Add(entry.line, std::move(unknown));
    } else {
      const auto [known, fresh] = seen.emplace(std::make_pair(entry.module, version), checked.modules.size());
      if (fresh) checked.modules.push_back({.line = entry.line, .module = entry.module, .version = version});
      std::vector<Target>& targets = checked.modules[known->second].targets;
      const std::vector<Target>& wanted = entry.targets.empty() ? checked.header.targets : entry.targets;
      targets.insert(targets.end(), wanted.begin(), wanted.end());
      SortUnique(targets);
    }
  }
  size_t jobs = 0;
  for (const CheckedModule& module : checked.modules) jobs += module.targets.size();
  if (jobs > kJobsMax) {
    errors.Add(0, Cat("batch asks for ", jobs, " jobs, at most ", kJobsMax, " are taken: split the list"));
  }
  if (checked.header.content_sha256.empty()) checked.header.content_sha256 = ContentDigest(checked);
  return checked;
}

void ResolveVersions(const Scope& scope, ModuleProxy& proxy, std::vector<CheckedModule>& modules, Errors& errors,
                     std::vector<std::string>& warnings) {
  const bool check_all = modules.size() <= kCheckedVersionsMax;
  struct Answer {
    VersionAnswer version;
    absl::StatusOr<std::string> latest = std::string();
    bool asked = false;
  };
  std::vector<Answer> answers(modules.size());
  InParallel(modules.size(), [&](size_t i) {
    Answer& answer = answers[i];
    if (modules[i].version.empty()) {
      answer.latest = scope.Done() ? absl::DeadlineExceededError("no time left to ask the module proxy")
                                   : proxy.Latest(scope, modules[i].module);
    } else if (check_all) {
      answer.version = scope.Done() ? VersionAnswer{.state = VersionState::kUnknown, .detail = "no time left"}
                                    : proxy.Check(scope, modules[i].module, modules[i].version);
      answer.asked = true;
    }
  });
  for (size_t i = 0; i < modules.size(); ++i) {
    CheckedModule& module = modules[i];
    const std::string name = Cat(module.module, "@", module.version.empty() ? "latest" : module.version);
    if (module.version.empty()) {
      if (answers[i].latest.ok()) {
        module.version = *std::move(answers[i].latest);
      } else {
        errors.Add(module.line, Cat(name, ": ", Sv(answers[i].latest.status().message())));
      }
      continue;
    }
    if (!answers[i].asked) continue;
    switch (answers[i].version.state) {
      case VersionState::kThere:
        break;
      case VersionState::kAbsent:
        errors.Add(module.line,
                   Cat(name, ": the module proxy does not know this version: ", answers[i].version.detail));
        break;
      case VersionState::kRefused:
        errors.Add(module.line, Cat(name, ": the module proxy refuses this version: ", answers[i].version.detail));
        break;
      case VersionState::kUnknown:
        warnings.push_back(Cat(name, ": could not be checked, accepted all the same: ", answers[i].version.detail));
        break;
    }
  }
}

std::vector<domain::WantedJob> Expand(const std::vector<CheckedModule>& modules, const std::vector<Target>& targets,
                                      const std::string& toolset_digest, const domain::RecipePolicy& policy) {
  std::vector<domain::WantedJob> jobs;
  jobs.reserve(modules.size() * targets.size());
  absl::flat_hash_set<std::tuple<std::string_view, std::string_view, Target>> seen;
  for (const CheckedModule& module : modules) {
    for (const Target target : module.targets.empty() ? targets : module.targets) {
      if (!seen.insert({module.module, module.version, target}).second) continue;
      jobs.push_back({.module = module.module,
                      .version = module.version,
                      .target = target,
                      .recipe_digest = domain::RecipeDigest({.module = module.module,
                                                             .version = module.version,
                                                             .target = target,
                                                             .toolset_digest = toolset_digest,
                                                             .policy = policy})});
    }
  }
  return jobs;
}

}  // namespace gofarm::service
