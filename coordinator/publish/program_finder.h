// Which published program an address means: MODULE[/path][@VERSION], by the rules of common/publish. Pure over the rows
// that it is given.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/scope.h"
#include "coordinator/domain/publishing.h"
#include "coordinator/store/publish_store.h"

namespace gofarm::publish {

inline constexpr int kProgramRowsMax = store::kPublicationPageMax;  // of one module

struct FoundProgram {
  std::string module, version, import_path, name;
  std::vector<domain::Release> files;     // of this version, one a target
  std::vector<std::string> versions;      // of this program, newest first
  std::vector<domain::Release> programs;  // of the module's version, one a program; for lists
};

// INVALID_ARGUMENT: no address, or several programs (the message lists their paths). NOT_FOUND: nothing of that is
// published; FAILED_PRECONDITION: it was, and was withdrawn, or its author took it back; the message says why.
absl::StatusOr<FoundProgram> FindProgram(const Scope& scope, store::PublishStore& store, std::string_view text);

}  // namespace gofarm::publish
