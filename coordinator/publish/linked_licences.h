// What the licence files of an attempt say of one of its executables: which texts belong to it, and whether it may be
// published under them. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/scope.h"
#include "common/licences/detect.h"
#include "common/licences/document.h"
#include "common/licences/policy.h"
#include "common/licences/review.h"
#include "common/vocab/report.h"

namespace gofarm::publish {

// Whether the executable may be published under the licences of its main module, `module`, of the modules of its
// dependencies, and of what the toolchains bring. Errors as licences::Review's.
absl::StatusOr<licences::Decision> DecideLicences(const Scope& scope, const licences::Detector& detector,
                                                  const licences::Policy& policy,
                                                  const licences::LicenceDocument& document,
                                                  const AttemptReport& report, const Executable& executable,
                                                  const licences::LinkedName& module);

// The modules of the document that are linked into the executable: main, dependencies, toolchains.
std::vector<const licences::LicenceModule*> LinkedModules(const licences::LicenceDocument& document,
                                                          const AttemptReport& report, const Executable& executable);

// The texts of these, each under a line that says whose it is.
std::string LicenceTexts(const licences::LicenceDocument& document,
                         const std::vector<const licences::LicenceModule*>& modules);

// The main module's own; empty: it has none.
std::string OwnLicence(const licences::LicenceDocument& document);

}  // namespace gofarm::publish
