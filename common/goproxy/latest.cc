#include "common/goproxy/latest.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/gomod/go_mod_file.h"
#include "common/json/fields.h"

namespace gofarm::goproxy {
namespace {

// The rest of the document is not asked for.
struct VersionInfo {
  std::string version;
};
void Fields(json::FieldReader& form, VersionInfo& info) { form.Field("Version", info.version); }

}  // namespace

std::vector<std::string> VersionsOfList(std::string_view list) {
  std::vector<std::string> versions;
  for (const absl::string_view line : absl::StrSplit(Av(list), '\n', absl::SkipWhitespace())) {
    const absl::string_view text = absl::StripAsciiWhitespace(line);
    versions.emplace_back(text.substr(0, text.find_first_of(" \t")));
  }
  return versions;
}

std::string VersionOfInfo(std::string_view json) {
  VersionInfo info;
  return json::Read(json, json::Rule::kLenient, info).ok() ? std::move(info.version) : "";
}

bool IsMadeUpGoMod(std::string_view module, std::string_view text) {
  return Sv(absl::StripAsciiWhitespace(Av(text))) == Cat("module ", module);
}

LatestRule::LatestRule(std::string module, std::vector<std::string> versions)
    : module_(std::move(module)),
      versions_(std::move(versions)),
      newest_(gomod::NewestOf(module_, versions_)),
      wants_(newest_) {}

void LatestRule::TakeGoMod(std::string_view text) {
  if (wants_.empty()) return;
  const bool made_up = IsMadeUpGoMod(module_, text);
  if (wants_ != newest_) {
    has_go_mod_ = !made_up;
    wants_.clear();
    return;
  }
  if (const absl::StatusOr<gomod::GoModFile> file = gomod::ParseGoMod(text); file.ok()) {
    retracted_ = file->RetractedRanges();
  }
  AfterNewest(made_up);
}

void LatestRule::PassOver() {
  wants_.clear();
  has_go_mod_ = true;
}

void LatestRule::AfterNewest(bool made_up) {
  wants_.clear();
  has_go_mod_ = !made_up;
  const bool any_incompatible =
      std::any_of(versions_.begin(), versions_.end(), [](const std::string& v) { return gomod::IsIncompatible(v); });
  if (!any_incompatible) return;
  std::vector<std::string> compatible;
  std::copy_if(versions_.begin(), versions_.end(), std::back_inserter(compatible), [&](const std::string& v) {
    return !gomod::IsIncompatible(v) && gomod::CheckVersion(v).ok() && !gomod::IsInAny(retracted_, v);
  });
  // The highest of them, a pre-release too.
  std::string highest;
  for (const std::string& version : compatible) {
    if (gomod::NewestOf(module_, {version}).empty()) continue;  // of another major, or no listed version
    if (highest.empty() || gomod::CompareSemver(highest, version) < 0) highest = version;
  }
  if (!highest.empty() && highest != newest_) wants_ = std::move(highest);
}

std::string LatestRule::FromList() const { return gomod::ChooseLatest(module_, versions_, retracted_, has_go_mod_); }

absl::StatusOr<std::string> LatestRule::FromLatest(std::string_view info) const {
  std::string version = VersionOfInfo(info);
  GOFARM_RETURN_IF_ERROR_CTX(gomod::CheckVersion(version), "the proxy's answer to @latest");
  if (gomod::IsInAny(retracted_, version)) {
    return absl::NotFoundError(Cat("every version is retracted, also the latest, ", version));
  }
  return version;
}

}  // namespace gofarm::goproxy
