// Which files are licences, by their names. Pure.
#pragma once

#include <string_view>

namespace gofarm::gomod {

// Of a name without folders; Go files that are named so are none.
bool IsLicenceName(std::string_view name);

}  // namespace gofarm::gomod
