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
  for (const char* end : {kRecordEnd, kLicencesEnd, kVersionEnd, kLogEnd, kSourceEnd, ".sig", ".minisig"}) {
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

constexpr size_t kSourceNameMax = 100;  // of module and version, each

std::string Unquoted(std::string_view text) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-";
  std::string out(text.substr(0, kSourceNameMax));
  for (char& c : out) {
    if (kPlain.find(c) == std::string_view::npos) c = '_';
  }
  // Names that begin with these mean something else to shells and programs.
  if (out.empty() || out[0] == '.' || out[0] == '-') out.insert(0, "_");
  return out;
}

// "v2", "v10"
bool IsMajor(std::string_view element) {
  return element.size() > 1 && element[0] == 'v' &&
         element.find_first_not_of("0123456789", 1) == std::string_view::npos;
}

}  // namespace

std::string SourceFile(std::string_view module, std::string_view version) {
  size_t slash = module.rfind('/');
  if (slash != std::string_view::npos && IsMajor(module.substr(slash + 1))) {
    module = module.substr(0, slash);
    slash = module.rfind('/');
  }
  if (slash != std::string_view::npos) module.remove_prefix(slash + 1);
  return Cat(Unquoted(module), "-", Unquoted(version), kSourceEnd);
}

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
