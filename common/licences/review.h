// From the document of licence texts to what the policy decides about: the modules that one executable links, each with
// what was detected in its files. Each text is looked at once. Pure but for the time it takes; thread-safe.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/scope.h"
#include "common/licences/corpus.h"
#include "common/licences/document.h"
#include "common/licences/policy.h"

namespace gofarm::licences {

// A module as a report's dependency names it (common/vocab/report.h).
struct LinkedName {
  std::string path, version, replace_path, replace_version;
};

// For Decide: the main module, the linked ones by path, the toolchains. What the document does not name is there
// without files, and so are "go", "zig/musl" and "zig/compiler-rt" of documents that older workers wrote. Errors as
// DetectAll's.
absl::StatusOr<std::vector<ModuleFinding>> Review(const Scope& scope, const Corpus& corpus,
                                                  const LicenceDocument& document, const LinkedName& main,
                                                  const std::vector<LinkedName>& linked);

}  // namespace gofarm::licences
