#include "coordinator/publish/program_finder.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/publish/address.h"
#include "common/publish/versions.h"

namespace gofarm::publish {
namespace {

absl::Status Retracted(std::string_view text, const std::string& why) {
  return absl::FailedPreconditionError(
      Cat(EscapeForPrint(text), " was retracted by its author: ", EscapeAndClip(why, 500)));
}

absl::Status NotThere(const Scope& scope, store::PublishStore& store, const std::vector<std::string>& modules,
                      std::string_view text) {
  GOFARM_ASSIGN_OR_RETURN(const auto known, store.Known(scope, modules));
  if (known.empty()) {
    return absl::NotFoundError(Cat("nothing is published of ", EscapeForPrint(text), "; is the module's path right?"));
  }
  GOFARM_ASSIGN_OR_RETURN(const std::vector<domain::Withdrawal> withdrawals, store.Withdrawals(scope));
  for (const domain::Withdrawal& w : withdrawals) {
    if (known.count(w.module) == 0) continue;
    return absl::FailedPreconditionError(Cat(EscapeForPrint(text), " was withdrawn: ", EscapeAndClip(w.reason, 500)));
  }
  for (const auto& [module, live] : known) {
    GOFARM_ASSIGN_OR_RETURN(const std::string why, store.WhyRetracted(scope, module, ""));
    if (!why.empty()) return Retracted(text, why);
  }
  return absl::NotFoundError(Cat("nothing is published of ", EscapeForPrint(text), " now"));
}

}  // namespace

absl::StatusOr<FoundProgram> FindProgram(const Scope& scope, store::PublishStore& store, std::string_view text) {
  GOFARM_ASSIGN_OR_RETURN(const Address address, ParseAddress(text));
  const std::vector<std::string> modules = CandidateModules(address.path);
  std::vector<domain::Publication> rows;
  std::string module;
  for (const std::string& candidate : modules) {
    GOFARM_ASSIGN_OR_RETURN(rows, store.OfModule(scope, candidate, kProgramRowsMax));
    module = candidate;
    if (!rows.empty()) break;
  }
  if (rows.empty()) return NotThere(scope, store, modules, text);

  std::set<std::string> all;
  for (const domain::Publication& row : rows) all.insert(row.release.version);
  const std::vector<std::string> versions(all.begin(), all.end());
  const std::optional<size_t> chosen = ChooseVersion(versions, address.version);
  if (!chosen) {
    GOFARM_ASSIGN_OR_RETURN(const std::string why, store.WhyRetracted(scope, module, address.version));
    if (!address.version.empty() && !why.empty()) return Retracted(text, why);
    return absl::NotFoundError(Cat("no version of ", EscapeForPrint(module), " is published that fits \"",
                                   EscapeForPrint(address.version), "\""));
  }
  FoundProgram found{.module = module, .version = versions[*chosen], .import_path = "", .name = ""};
  std::map<std::string, domain::Release> programs;  // by import path
  for (const domain::Publication& row : rows) {
    if (row.release.version == found.version) programs.try_emplace(row.release.import_path, row.release);
  }
  std::vector<std::string> paths;
  for (const auto& [path, release] : programs) {
    paths.push_back(path);
    found.programs.push_back(release);
  }
  GOFARM_ASSIGN_OR_RETURN(const size_t program, ChooseProgram(module, address.path, paths));
  found.import_path = paths[program];
  found.name = programs.at(found.import_path).facts.program;
  std::set<std::string> own;
  for (const domain::Publication& row : rows) {
    if (row.release.import_path != found.import_path) continue;
    own.insert(row.release.version);
    if (row.release.version == found.version) found.files.push_back(row.release);
  }
  found.versions.assign(own.begin(), own.end());
  std::sort(found.versions.begin(), found.versions.end(),
            [](const std::string& a, const std::string& b) { return CompareVersions(a, b) > 0; });
  std::sort(found.files.begin(), found.files.end(),
            [](const domain::Release& a, const domain::Release& b) { return a.target < b.target; });
  return found;
}

}  // namespace gofarm::publish
