#include "coordinator/web/program_address.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/gomod/path.h"
#include "common/gomod/version.h"

namespace gofarm::web {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

absl::StatusOr<VersionQuery> ParseVersionQuery(std::string_view text) {
  VersionQuery query;
  if (text == "latest") return query;
  const bool bare = !text.empty() && IsDigit(text[0]);
  // Longer than any version: not worth a copy.
  query.text = bare ? Cat("v", text.substr(0, gomod::kVersionMax + 1)) : std::string(text);
  const bool semver = query.text.size() <= gomod::kVersionMax && gomod::IsSemver(query.text);
  if (!semver) {
    return absl::InvalidArgumentError(Cat("version \"", EscapeAndClip(text, 120),
                                          "\": no version; write @latest, @v1, @v1.2 or a whole one like @v1.2.3"));
  }
  if (std::count(query.text.begin(), query.text.end(), '.') < 2) {
    query.kind = VersionQuery::Kind::kPrefix;
    return query;
  }
  GOFARM_RETURN_IF_ERROR(gomod::CheckVersion(query.text));
  query.kind = VersionQuery::Kind::kExact;
  return query;
}

// "v1.2" holds "v1.2.7" and not "v1.20.0".
bool HasPrefix(std::string_view version, std::string_view prefix) {
  return version.size() > prefix.size() && absl::StartsWith(Av(version), Av(prefix)) && version[prefix.size()] == '.';
}

}  // namespace

std::vector<std::string> ModuleCandidates(std::string_view import_path) {
  std::vector<std::string> candidates;
  while (true) {
    if (gomod::CheckModulePath(import_path).ok()) candidates.emplace_back(import_path);
    const size_t slash = import_path.rfind('/');
    if (slash == std::string_view::npos) return candidates;
    import_path = import_path.substr(0, slash);
  }
}

absl::StatusOr<ProgramAddress> ParseProgramAddress(std::string_view text) {
  const size_t at = text.find('@');
  ProgramAddress address;
  const std::string_view path = text.substr(0, at);
  GOFARM_RETURN_IF_ERROR(gomod::CheckImportPath(path));
  if (ModuleCandidates(path).empty()) {
    // The shortest beginning is the one whose fault says most: that of the host's name.
    GOFARM_RETURN_IF_ERROR(gomod::CheckModulePath(path.substr(0, path.find('/'))));
    GOFARM_RETURN_IF_ERROR(gomod::CheckModulePath(path));
  }
  address.import_path = std::string(path);
  if (at != std::string_view::npos) {
    GOFARM_ASSIGN_OR_RETURN(address.version, ParseVersionQuery(text.substr(at + 1)));
  }
  return address;
}

std::string PickVersion(const VersionQuery& query, std::string_view module, absl::Span<const std::string> versions) {
  std::vector<std::string> matching;
  for (const std::string& version : versions) {
    switch (query.kind) {
      case VersionQuery::Kind::kLatest:
        matching.push_back(version);
        break;
      case VersionQuery::Kind::kPrefix:
        if (HasPrefix(version, query.text)) matching.push_back(version);
        break;
      case VersionQuery::Kind::kExact:
        if (version == query.text) return version;
        if (version == Cat(query.text, "+incompatible")) matching.push_back(version);
        break;
    }
  }
  return gomod::ChooseLatest(module, matching, {});
}

std::string AddressText(std::string_view import_path, std::string_view version) {
  return version.empty() ? std::string(import_path) : Cat(import_path, "@", version);
}

}  // namespace gofarm::web
