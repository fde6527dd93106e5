// Labels of workers, such as zone=b, and what a batch asks of the workers that build it. Plain data, with the one rule
// of what a label may be.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace gofarm {

using Labels = std::map<std::string, std::string>;

inline constexpr size_t kLabelsMax = 32;      // of one worker or one batch
inline constexpr size_t kLabelBytesMax = 63;  // of a key, and of a value

// INVALID_ARGUMENT: keys and values are of letters, digits, ".", "_", "-" and "/"; only a value may be empty.
absl::Status CheckLabel(std::string_view key, std::string_view value);
absl::Status CheckLabels(const Labels& labels);

// Of texts like "zone=b". INVALID_ARGUMENT also for a key with two values.
absl::StatusOr<Labels> ParseLabels(const std::vector<std::string>& texts);

bool HasAll(const Labels& has, const Labels& wanted);

// "rack=7,zone=b"; made fit to print, whatever it holds.
std::string ToText(const Labels& labels);

}  // namespace gofarm
