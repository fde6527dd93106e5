// GitHub's search gives at most 1,000 results to a query. So a query that has more is split by stars, and repositories
// with equally many stars by the day they were made. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/civil_time.h"

namespace gofarm::catalog {

inline constexpr int64_t kSearchResultsMax = 1000;
inline constexpr int kSearchPageItems = 100;

// GitHub's topics: lower-case letters, digits and hyphens, at most 50, not first a hyphen.
bool IsTopic(std::string_view topic);

struct SearchSlice {
  int64_t stars_min = 0;
  std::optional<int64_t> stars_max;  // nothing: however many
  // Only when the stars cannot be split further.
  std::optional<absl::CivilDay> made_from;
  std::optional<absl::CivilDay> made_to;

  bool operator==(const SearchSlice&) const = default;
};

// "topic:cli language:go stars:3..9".
std::string SearchQuery(std::string_view topic, const SearchSlice& slice);

// Two or more slices that together are `slice`; none when it cannot be split. `most_stars`: of its first result, sorted
// by stars. Most repositories have few, so stars are split by their logarithm.
std::vector<SearchSlice> SplitSlice(const SearchSlice& slice, int64_t most_stars, absl::CivilDay today);

}  // namespace gofarm::catalog
