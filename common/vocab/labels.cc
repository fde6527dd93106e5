#include "common/vocab/labels.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"

namespace gofarm {
namespace {

constexpr size_t kShownMax = 80;

bool IsLabelText(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-' || c == '/';
  });
}

std::string Shown(std::string_view text) { return Clip(EscapeForPrint(text), kShownMax); }

}  // namespace

absl::Status CheckLabel(std::string_view key, std::string_view value) {
  if (key.empty()) return absl::InvalidArgumentError(Cat("a label without a key, with value \"", Shown(value), "\""));
  for (const std::string_view text : {key, value}) {
    if (text.size() <= kLabelBytesMax && IsLabelText(text)) continue;
    return absl::InvalidArgumentError(Cat("label ", Shown(key), "=", Shown(value), ": key and value have at most ",
                                          kLabelBytesMax, " letters, digits, \".\", \"_\", \"-\" or \"/\" each"));
  }
  return absl::OkStatus();
}

absl::Status CheckLabels(const Labels& labels) {
  if (labels.size() > kLabelsMax) {
    return absl::InvalidArgumentError(Cat(labels.size(), " labels, at most ", kLabelsMax, " are taken"));
  }
  for (const auto& [key, value] : labels) GOFARM_RETURN_IF_ERROR(CheckLabel(key, value));
  return absl::OkStatus();
}

absl::StatusOr<Labels> ParseLabels(const std::vector<std::string>& texts) {
  Labels labels;
  for (const std::string& text : texts) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos) {
      return absl::InvalidArgumentError(Cat("label \"", Shown(text), "\" must be written KEY=VALUE, such as zone=b"));
    }
    const auto [known, fresh] = labels.emplace(text.substr(0, equals), text.substr(equals + 1));
    if (!fresh && known->second != text.substr(equals + 1)) {
      return absl::InvalidArgumentError(Cat("label ", Shown(known->first), " has two values, ", Shown(known->second),
                                            " and ", Shown(text.substr(equals + 1))));
    }
  }
  GOFARM_RETURN_IF_ERROR(CheckLabels(labels));
  return labels;
}

bool HasAll(const Labels& has, const Labels& wanted) {
  return std::all_of(wanted.begin(), wanted.end(), [&](const auto& label) {
    const auto it = has.find(label.first);
    return it != has.end() && it->second == label.second;
  });
}

std::string ToText(const Labels& labels) {
  std::string out;
  for (const auto& [key, value] : labels) {
    out += Cat(out.empty() ? "" : ",", EscapeForPrint(key), "=", EscapeForPrint(value));
  }
  return out;
}

}  // namespace gofarm
