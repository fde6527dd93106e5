#include "common/vocab/name_rule.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "common/base/text.h"

namespace gofarm {
namespace {

constexpr size_t kShownMax = 80;

bool IsFirst(char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)); }
bool IsRest(char c) { return IsFirst(c) || c == '.' || c == '_' || c == '-'; }

}  // namespace

absl::Status CheckName(std::string_view name) {
  if (!name.empty() && name.size() <= kNameBytesMax && IsFirst(name[0]) &&
      std::all_of(name.begin(), name.end(), IsRest)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(Cat("the name \"", EscapeAndClip(name, kShownMax), "\" is none: 1 to ",
                                        kNameBytesMax, " of [A-Za-z0-9._-], a letter or a digit first"));
}

std::string AsName(std::string_view text) {
  std::string name;
  for (const char c : text) {
    if (name.empty() ? IsFirst(c) : IsRest(c)) name += c;
  }
  return name.substr(0, kNameBytesMax);
}

}  // namespace gofarm
