#include "coordinator/catalog/clean_text.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "common/base/text.h"

namespace gofarm::catalog {
namespace {

constexpr char kNonStandard[] = "non-standard";

bool IsLicenseExpression(std::string_view text) {
  return !text.empty() && text.size() <= kLicenseMax && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
           std::string_view("-.+() :").find(c) != std::string_view::npos;
  });
}

// What the services write where they recognise no licence.
bool IsUnclear(std::string_view text) {
  return !IsLicenseExpression(text) || absl::EqualsIgnoreCase(Av(text), kNonStandard) ||
         absl::EqualsIgnoreCase(Av(text), "NOASSERTION") || absl::EqualsIgnoreCase(Av(text), "UNKNOWN") ||
         absl::EqualsIgnoreCase(Av(text), "OTHER");
}

}  // namespace

std::string CleanPageUrl(std::string_view text) {
  std::string clean = CleanText(text, kPageUrlMax + 1);
  const bool page = absl::StartsWithIgnoreCase(clean, "https://") || absl::StartsWithIgnoreCase(clean, "http://");
  if (!page || clean.size() > kPageUrlMax || clean.find(' ') != std::string::npos) return "";
  return clean;
}

std::string JoinLicenses(const std::vector<std::string>& licenses) {
  std::vector<std::string> stated;
  for (const std::string& license : licenses) {
    if (license.empty()) continue;
    const std::string name = IsUnclear(license) ? kNonStandard : license;
    if (std::find(stated.begin(), stated.end(), name) == stated.end()) stated.push_back(name);
  }
  std::string out;
  for (const std::string& name : stated) {
    // "A OR B" keeps its meaning beside another one.
    const bool alone = stated.size() == 1 || !absl::StrContains(name, " OR ");
    const std::string part = alone ? name : Cat("(", name, ")");
    if (out.size() + part.size() + 5 > kLicenseMax) break;
    out += out.empty() ? part : Cat(" AND ", part);
  }
  return out;
}

std::vector<std::string> CleanTopics(const std::vector<std::string>& topics) {
  std::vector<std::string> out;
  for (const std::string& topic : topics) {
    if (out.size() >= kTopicsMax) break;
    std::string clean = CleanText(topic, kTopicMax);
    if (!clean.empty() && std::find(out.begin(), out.end(), clean) == out.end()) out.push_back(std::move(clean));
  }
  return out;
}

}  // namespace gofarm::catalog
