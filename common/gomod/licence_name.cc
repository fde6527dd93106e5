#include "common/gomod/licence_name.h"

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "common/base/text.h"

namespace gofarm::gomod {

bool IsLicenceName(std::string_view name) {
  const std::string upper = absl::AsciiStrToUpper(Av(name));
  if (absl::EndsWith(upper, ".GO")) return false;
  for (const absl::string_view start : {"LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE", "PATENTS",
                                        "MIT-LICENSE", "APACHE-LICENSE"}) {
    if (absl::StartsWith(upper, start)) return true;
  }
  return false;
}

}  // namespace gofarm::gomod
