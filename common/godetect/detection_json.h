// The JSON form of a detection: what `gofarm catalog detect` prints and what the catalog keeps.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/godetect/detection.h"

namespace gofarm::godetect {

// One document with a newline at its end.
std::string ToJson(const Detection& detection);
// Of what ToJson wrote, perhaps in another version: what is not understood keeps its default. INVALID_ARGUMENT when it
// is no JSON object.
absl::StatusOr<Detection> FromJson(std::string_view json);

}  // namespace gofarm::godetect
