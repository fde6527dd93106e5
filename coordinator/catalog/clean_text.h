// Text that services gave, made fit to be stored and shown: bounded, valid UTF-8, without control characters
// (PostgreSQL takes no NUL, a terminal obeys the others). Pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clean_text.h"

namespace gofarm::catalog {

inline constexpr size_t kDescriptionMax = 1000;  // GitHub's own limit is 350
inline constexpr size_t kPageUrlMax = 500;
inline constexpr size_t kLicenseMax = 200;
inline constexpr size_t kTopicsMax = 20;  // GitHub's own limit
inline constexpr size_t kTopicMax = 50;   // likewise

using gofarm::CleanText;
// Of an http or https page; "" of anything else, also when it is longer than kPageUrlMax.
std::string CleanPageUrl(std::string_view text);
// One SPDX expression of all that apply. "" when nothing is stated; what has no SPDX name is "non-standard".
std::string JoinLicenses(const std::vector<std::string>& licenses);
std::vector<std::string> CleanTopics(const std::vector<std::string>& topics);

}  // namespace gofarm::catalog
