// For the sources of this folder: base64 (RFC 4648, section 4) in its one form. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/escaping.h"
#include "common/base/text.h"

namespace gofarm::attest {

inline std::string Base64(std::string_view bytes) { return absl::Base64Escape(Av(bytes)); }

// Nothing for what Base64 does not write. Abseil's reader also takes blanks, missing padding and stray bits, with which
// one signature would have many texts.
inline std::optional<std::string> FromBase64(std::string_view text) {
  std::string bytes;
  if (!absl::Base64Unescape(Av(text), &bytes) || Base64(bytes) != text) return std::nullopt;
  return bytes;
}

}  // namespace gofarm::attest
