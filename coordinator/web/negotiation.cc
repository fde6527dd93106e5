#include "coordinator/web/negotiation.h"

#include <array>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "common/base/text.h"

namespace gofarm::web {
namespace {

// qvalue of RFC 9110: "0" or "1", with at most three decimals; in thousandths.
std::optional<int> ParseQuality(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return std::nullopt;
  int thousandths = text[0] == '1' ? 1000 : 0;
  if (text.size() == 1) return thousandths;
  if (text[1] != '.') return std::nullopt;
  int weight = 100;
  for (const char c : text.substr(2)) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) return std::nullopt;
    thousandths += (c - '0') * weight;
    weight /= 10;
  }
  if (thousandths > 1000) return std::nullopt;
  return thousandths;
}

struct Range {
  std::string type;
  int quality = 1000;
};

// Null for what is no range, and for one with parameters.
std::optional<Range> ParseRange(absl::string_view text) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, ';');
  Range range{.type = absl::AsciiStrToLower(absl::StripAsciiWhitespace(parts[0]))};
  if (!absl::StrContains(range.type, '/')) return std::nullopt;
  for (size_t i = 1; i < parts.size(); ++i) {
    const absl::string_view parameter = absl::StripAsciiWhitespace(parts[i]);
    if (parameter.empty()) continue;
    if (!absl::StartsWithIgnoreCase(parameter, "q=")) return std::nullopt;
    const std::optional<int> quality = ParseQuality(Sv(parameter.substr(2)));
    if (!quality) return std::nullopt;
    range.quality = *quality;
    break;  // what follows q was an extension until RFC 9110
  }
  return range;
}

// 0: does not fit.
int Specificity(std::string_view range, std::string_view offer) {
  if (range == offer) return 3;
  if (range == "*/*") return 1;
  return range.size() > 2 && absl::EndsWith(Av(range), "/*") &&
                 absl::StartsWith(Av(offer), Av(range.substr(0, range.size() - 1)))
             ? 2
             : 0;
}

}  // namespace

std::optional<size_t> Negotiate(std::string_view accept, absl::Span<const std::string_view> offers) {
  if (offers.empty()) return std::nullopt;
  const absl::string_view field = absl::StripAsciiWhitespace(Av(accept));
  if (field.empty() || field.size() > kAcceptMax) return 0;
  std::vector<Range> ranges;
  for (const absl::string_view text : absl::StrSplit(field, ',')) {
    if (ranges.size() == kAcceptRangesMax) break;
    if (std::optional<Range> range = ParseRange(text)) ranges.push_back(*std::move(range));
  }
  std::optional<size_t> best;
  int best_quality = 0;
  for (size_t i = 0; i < offers.size(); ++i) {
    int quality = 0;
    int specificity = 0;
    for (const Range& range : ranges) {
      const int fits = Specificity(range.type, offers[i]);
      if (fits <= specificity) continue;
      specificity = fits;
      quality = range.quality;
    }
    if (quality <= best_quality) continue;
    best = i;
    best_quality = quality;
  }
  return best;
}

Media NegotiatePage(std::string_view accept) {
  static constexpr std::array<std::string_view, 2> kOffers = {"text/html", "application/json"};
  return Negotiate(accept, kOffers).value_or(0) == 1 ? Media::kJson : Media::kHtml;
}

}  // namespace gofarm::web
