#include "common/publish/address.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_join.h"
#include "common/base/text.h"
#include "common/gomod/path.h"
#include "common/gomod/version.h"
#include "common/publish/versions.h"

namespace gofarm::publish {
namespace {

constexpr size_t kCandidatesMax = 64;
constexpr size_t kListedPathsMax = 40;

absl::Status NoVersion(std::string_view why) {
  return absl::InvalidArgumentError(
      Cat("no version (", why, "); write @latest, @v1, @v1.2 or a whole one like @v1.2.3"));
}

absl::StatusOr<std::string> ParseVersion(std::string_view text) {
  if (text == "latest") return "";
  if (text.size() > gomod::kVersionMax) return NoVersion("it is too long");
  const bool bare = !text.empty() && absl::ascii_isdigit(static_cast<unsigned char>(text[0]));
  std::string version = bare ? Cat("v", text) : std::string(text);
  if (IsVersionPrefix(version)) return version;
  const absl::Status whole = gomod::CheckVersion(version);
  return whole.ok() ? absl::StatusOr<std::string>(std::move(version)) : NoVersion(Sv(whole.message()));
}

}  // namespace

absl::StatusOr<Address> ParseAddress(std::string_view text) {
  const auto wrong = [&](std::string_view why) {
    return absl::InvalidArgumentError(
        Cat("address \"", EscapeAndClip(text, 200), "\": ", why, "; it looks like MODULE[/path][@VERSION]"));
  };
  const size_t at = text.find('@');
  Address address{.path = std::string(text.substr(0, at))};
  if (const absl::Status path = gomod::CheckImportPath(address.path); !path.ok()) return wrong(Sv(path.message()));
  if (CandidateModules(address.path).empty()) {
    // The shortest beginning is the one whose fault says most: that of the host's name.
    const absl::Status host = gomod::CheckModulePath(address.path.substr(0, address.path.find('/')));
    return wrong(host.ok() ? "no module path begins it" : Sv(host.message()));
  }
  if (at == std::string_view::npos) return address;
  absl::StatusOr<std::string> version = ParseVersion(text.substr(at + 1));
  if (!version.ok()) return wrong(Cat("what stands behind the @ is ", Sv(version.status().message())));
  address.version = *std::move(version);
  return address;
}

std::string AddressText(std::string_view path, std::string_view version) {
  return version.empty() ? std::string(path) : Cat(path, "@", version);
}

std::vector<std::string> CandidateModules(std::string_view path) {
  std::vector<std::string> out;
  size_t end = 0;
  for (size_t n = 0; n < kCandidatesMax && end != std::string_view::npos; ++n) {
    end = path.find('/', end + (n > 0 ? 1 : 0));
    std::string module(path.substr(0, end));
    if (gomod::CheckModulePath(module).ok()) out.push_back(std::move(module));
  }
  std::reverse(out.begin(), out.end());
  return out;
}

absl::StatusOr<size_t> ChooseProgram(std::string_view module, std::string_view path,
                                     absl::Span<const std::string> import_paths) {
  const auto index_of = [&](std::string_view wanted) -> std::optional<size_t> {
    const auto* const at = std::find(import_paths.begin(), import_paths.end(), wanted);
    if (at == import_paths.end()) return std::nullopt;
    return static_cast<size_t>(at - import_paths.begin());
  };
  const auto list = [&] {
    std::vector<std::string> shown(import_paths.begin(), import_paths.end());
    std::sort(shown.begin(), shown.end());
    const size_t more = shown.size() - std::min(shown.size(), kListedPathsMax);
    shown.resize(shown.size() - more);
    for (std::string& one : shown) one = EscapeAndClip(one, gomod::kModulePathMax);
    return Cat(absl::StrJoin(shown, "\n  "), more == 0 ? "" : Cat("\n  and ", more, " more"));
  };
  if (import_paths.empty()) {
    return absl::NotFoundError(Cat("nothing is published of ", EscapeAndClip(module, gomod::kModulePathMax)));
  }
  if (const auto at = index_of(path)) {
    return *at;
  }
  if (path != module) {
    return absl::NotFoundError(
        Cat("no program at ", EscapeAndClip(path, gomod::kModulePathMax), "; there are:\n  ", list()));
  }
  if (import_paths.size() == 1) return 0;
  const std::string wanted = gomod::ProgramName(module);
  std::optional<size_t> named;
  int with_that_name = 0;
  for (size_t i = 0; i < import_paths.size(); ++i) {
    if (gomod::ProgramName(import_paths[i]) != wanted) continue;
    named = i;
    ++with_that_name;
  }
  if (with_that_name == 1) return *named;
  return absl::InvalidArgumentError(Cat(EscapeAndClip(module, gomod::kModulePathMax), " has ", import_paths.size(),
                                        " programs; name one by its path:\n  ", list()));
}

}  // namespace gofarm::publish
