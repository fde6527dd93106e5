#include "cli/nearest.h"

#include <algorithm>
#include <utility>

namespace gofarm::cli {
namespace {

constexpr size_t kShown = 3;
constexpr size_t kWordMax = 40;  // longer ones are no slip of the finger

// Edits from one to the other, two swapped neighbours counting as one.
size_t Distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<size_t>> d(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[a.size()][b.size()];
}

}  // namespace

std::vector<std::string> Nearest(std::string_view word, const std::vector<std::string>& known) {
  if (word.empty() || word.size() > kWordMax) return {};
  // A slip in a short word leaves little of it.
  const size_t slips = word.size() < 4 ? 1 : 2;
  std::vector<std::pair<size_t, std::string>> found;
  for (const std::string& candidate : known) {
    const bool begins = candidate.compare(0, word.size(), word) == 0;
    const size_t distance = begins ? 0 : Distance(word, candidate);
    if (distance <= slips) found.emplace_back(distance, candidate);
  }
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> words;
  for (size_t i = 0; i < found.size() && i < kShown; ++i) words.push_back(found[i].second);
  return words;
}

}  // namespace gofarm::cli
