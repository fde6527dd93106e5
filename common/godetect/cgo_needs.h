// What a cgo preamble asks of the system: `#cgo LDFLAGS: -lX`, `#cgo pkg-config: X`, `#include <X>`. Pure.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/godetect/detection.h"
#include "common/gomod/build_constraint.h"

namespace gofarm::godetect {

inline constexpr size_t kNeedsMax = 200;      // of one package
inline constexpr size_t kNeedNameMax = 200;   // bytes
inline constexpr size_t kIncludesMax = 1000;  // of one preamble; more are not looked at

// `has_file`: does the module hold a file whose path ends in these elements ("libfoo.a", "foo/bar.h")? What it brings
// itself is no need, nor is what C's own library and the compiler bring. Includes below #if count for nothing: whether
// they are read is not known.
std::vector<Need> NeedsOfPreamble(std::string_view preamble, const gomod::BuildTags& tags, const std::string& package,
                                  const std::function<bool(std::string_view)>& has_file);

}  // namespace gofarm::godetect
