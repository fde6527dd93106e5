// What workers, people and farms may be called: fit for certificates, folders, log lines and tables.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace gofarm {

inline constexpr size_t kNameBytesMax = 63;

// INVALID_ARGUMENT: it is not 1 to kNameBytesMax of [A-Za-z0-9._-], a letter or digit first.
absl::Status CheckName(std::string_view name);
// What is left of `text` as a name; empty: nothing.
std::string AsName(std::string_view text);

}  // namespace gofarm
