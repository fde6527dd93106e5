#include "coordinator/catalog/github_search.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/ascii.h"
#include "common/base/text.h"

namespace gofarm::catalog {
namespace {

constexpr size_t kTopicLengthMax = 50;
const absl::CivilDay kFirstRepository(2007, 10, 1);  // GitHub's own beginning

std::string Day(absl::CivilDay day) { return absl::FormatCivilTime(day); }

}  // namespace

bool IsTopic(std::string_view topic) {
  return !topic.empty() && topic.size() <= kTopicLengthMax && topic.front() != '-' &&
         std::all_of(topic.begin(), topic.end(), [](char c) {
           return absl::ascii_islower(static_cast<unsigned char>(c)) ||
                  absl::ascii_isdigit(static_cast<unsigned char>(c)) || c == '-';
         });
}

std::string SearchQuery(std::string_view topic, const SearchSlice& slice) {
  std::string query = Cat("topic:", topic, " language:go");
  if (slice.stars_max) {
    query += Cat(" stars:", slice.stars_min, "..", *slice.stars_max);
  } else if (slice.stars_min > 0) {
    query += Cat(" stars:>=", slice.stars_min);
  }
  if (slice.made_from && slice.made_to) query += Cat(" created:", Day(*slice.made_from), "..", Day(*slice.made_to));
  return query;
}

std::vector<SearchSlice> SplitSlice(const SearchSlice& slice, int64_t most_stars, absl::CivilDay today) {
  SearchSlice low = slice, high = slice;
  const int64_t most = std::max(slice.stars_min, slice.stars_max ? std::min(*slice.stars_max, most_stars) : most_stars);
  if (most > slice.stars_min) {
    const double middle = std::sqrt((static_cast<double>(slice.stars_min) + 1) * (static_cast<double>(most) + 1)) - 1;
    low.stars_max = std::clamp(static_cast<int64_t>(middle), slice.stars_min, most - 1);
    high.stars_min = *low.stars_max + 1;
    return {high, low};
  }
  const absl::CivilDay from = slice.made_from.value_or(kFirstRepository);
  const absl::CivilDay to = slice.made_to.value_or(today);
  if (to <= from) return {};
  const absl::CivilDay middle = from + (to - from) / 2;
  low.stars_max = high.stars_max = most;
  low.made_from = from;
  low.made_to = middle;
  high.made_from = middle + 1;
  high.made_to = to;
  return {high, low};
}

}  // namespace gofarm::catalog
