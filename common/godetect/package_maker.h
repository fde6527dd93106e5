// Makes the ModulePackages of a module that the detector read: whole packages only, what says nothing left out, the
// rest cut to its limits. No I/O.
#pragma once

#include <map>
#include <string>

#include "common/godetect/detection.h"
#include "common/godetect/module_packages.h"
#include "common/godetect/uses.h"

namespace gofarm::godetect {

struct PackageLimits {
  size_t packages = kModulePackagesMax;
  size_t bytes = kModulePackagesBytesMax;
};

// What others may import, or what is imported for them: no programs, and nothing that patterns of the go command pass
// over.
bool IsImportable(const Folder& folder);
// Below a folder "internal": nobody but the module itself imports it.
bool IsInternal(const Folder& folder);
// Every header that may count is known.
bool IsRead(const Folder& folder);

// `module`: as it was asked for; one that declares another path cannot be imported, and nothing is told of it.
ModulePackages MakePackages(const Detection& found, std::map<std::string, Folder>& folders, UseMaker& uses,
                            const PackageLimits& limits = {});

}  // namespace gofarm::godetect
