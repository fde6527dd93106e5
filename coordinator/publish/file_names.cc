#include "coordinator/publish/file_names.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "coordinator/publish/names.h"

namespace gofarm::publish {
namespace {

bool IsTaken(std::string_view name) {
  const std::string lower = absl::AsciiStrToLower(Av(name));
  if (lower == "license" || lower == "sha256sums" || absl::StartsWith(lower, "checksum")) return true;
  for (const char* end : {kRecordEnd, kLicencesEnd, kVersionEnd, kLogEnd, ".sig", ".minisig"}) {
    if (absl::EndsWith(lower, end)) return true;
  }
  return false;
}

std::string PathName(std::string_view module, std::string_view import_path) {
  std::string name(import_path.size() > module.size() + 1 ? import_path.substr(module.size() + 1) : import_path);
  std::replace(name.begin(), name.end(), '/', '_');
  if (IsProgramName(name) && !IsTaken(name)) return name;
  return Cat("program-", digest::Sha256Hex(import_path).substr(0, kHashDigits));
}

}  // namespace

std::vector<std::string> ProgramFiles(std::string_view module, absl::Span<const std::string> import_paths) {
  std::vector<std::string> names = ProgramNames(module, import_paths);
  for (size_t i = 0; i < names.size(); ++i) {
    if (!IsTaken(names[i])) continue;
    std::string name = PathName(module, import_paths[i]);
    const auto same = [&](const std::string& other) {
      return absl::AsciiStrToLower(other) == absl::AsciiStrToLower(name);
    };
    if (std::any_of(names.begin(), names.end(), same)) {
      name = Cat("program-", digest::Sha256Hex(import_paths[i]).substr(0, kHashDigits));
    }
    names[i] = std::move(name);
  }
  return names;
}

}  // namespace gofarm::publish
