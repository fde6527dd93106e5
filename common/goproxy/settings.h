// What says where modules come from and what vouches for them, as text: the values of Go's own variables. A coordinator
// gives its settings to workers that have none. Pure.
#pragma once

#include <cstddef>
#include <string>

#include "absl/status/status.h"

namespace gofarm::goproxy {

inline constexpr size_t kSettingBytesMax = 8 << 10;

struct Settings {
  std::string goproxy;  // may hold passwords
  std::string gosumdb;
  std::string gonosumdb;
  std::string goprivate;

  bool operator==(const Settings&) const = default;
};

// INVALID_ARGUMENT names the value, never what it holds: one that is too long or is no single line of plain text, and a
// goproxy that is no list, or has neither a proxy nor "off". Empty values are fine.
absl::Status Check(const Settings& settings);

}  // namespace gofarm::goproxy
