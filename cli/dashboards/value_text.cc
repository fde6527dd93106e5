#include "cli/dashboards/value_text.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "absl/strings/str_format.h"
#include "common/base/text.h"

namespace gofarm::dashboards {
namespace {

struct Scale {
  double from;  // of the absolute value
  double factor;
  std::string_view name;
};
constexpr std::array<Scale, 6> kBytes = {{{1125899906842624.0, 1125899906842624.0, "PiB"},
                                          {1099511627776.0, 1099511627776.0, "TiB"},
                                          {1073741824.0, 1073741824.0, "GiB"},
                                          {1048576.0, 1048576.0, "MiB"},
                                          {1024.0, 1024.0, "KiB"},
                                          {0, 1, "B"}}};
constexpr std::array<Scale, 5> kShort = {
    {{1e12, 1e12, "T"}, {1e9, 1e9, "G"}, {1e6, 1e6, "M"}, {1e4, 1e3, "K"}, {0, 1, ""}}};
constexpr std::array<Scale, 6> kSeconds = {{{86400 * 2.0, 86400, "d"},
                                            {3600 * 2.0, 3600, "h"},
                                            {60 * 2.0, 60, "min"},
                                            {1, 1, "s"},
                                            {1e-3, 1e-3, "ms"},
                                            {0, 1e-6, "µs"}}};

// Three digits that say something; no zeros behind the point.
std::string Digits(double value, std::optional<int64_t> decimals) {
  int places = 0;
  if (decimals) {
    places = static_cast<int>(std::clamp<int64_t>(*decimals, 0, 6));
  } else if (const double size = std::fabs(value); size > 0 && size < 100) {
    places = std::clamp(2 - static_cast<int>(std::floor(std::log10(size))), 0, 6);
  }
  std::string text = absl::StrFormat("%.*f", places, value);
  if (!decimals && text.find('.') != std::string::npos) {
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
  }
  return text == "-0" ? "0" : text;
}

template <size_t N>
const Scale& ScaleOf(double value, const std::array<Scale, N>& scales) {
  for (const Scale& scale : scales) {
    if (std::fabs(value) >= scale.from) return scale;
  }
  return scales.back();
}

template <size_t N>
std::string Scaled(double value, const std::array<Scale, N>& scales, std::string_view more,
                   std::optional<int64_t> decimals) {
  const Scale& scale = ScaleOf(value, scales);
  const std::string unit = Cat(scale.name, more);
  return Cat(Digits(value / scale.factor, decimals), unit.empty() ? "" : " ", unit);
}

// What a round value is a multiple of.
double FactorOf(double high, std::string_view unit) {
  if (unit == "bytes" || unit == "Bps") return ScaleOf(high, kBytes).factor;
  if (unit == "s") return ScaleOf(high, kSeconds).factor;
  return 1;
}

}  // namespace

std::string ValueText(double value, std::string_view unit, std::optional<int64_t> decimals) {
  if (!std::isfinite(value)) return "-";
  if (unit == "bytes") return Scaled(value, kBytes, "", decimals);
  if (unit == "Bps") return Scaled(value, kBytes, "/s", decimals);
  if (unit == "s") return value == 0 ? "0 s" : Scaled(value, kSeconds, "", decimals);
  if (unit == "short") return Scaled(value, kShort, "", decimals);
  if (unit == "percentunit") return Cat(Digits(value * 100, decimals), " %");
  if (unit == "reqps") return Scaled(value, kShort, Cat(std::fabs(value) >= 1e4 ? " " : "", "req/s"), decimals);
  if (unit == "ops") return Scaled(value, kShort, Cat(std::fabs(value) >= 1e4 ? " " : "", "ops/s"), decimals);
  if (unit == "none" || unit.empty()) return Digits(value, decimals);
  return Cat(Digits(value, decimals), " ", unit);
}

std::string Shown(double value, const Look& look) {
  for (const auto& [of, word] : look.words) {
    if (of == value) return word.text;
  }
  return ValueText(value, look.unit, look.decimals);
}

std::string ColorOf(double value, const Look& look) {
  for (const auto& [of, word] : look.words) {
    if (of == value) return word.color;
  }
  std::string color;
  for (const Look::Threshold& threshold : look.thresholds) {
    if (!threshold.from || value >= *threshold.from) color = threshold.color;
  }
  return color;
}

std::vector<double> AxisTicks(double low, double high, std::string_view unit) {
  if (!(high > low)) high = low + 1;
  const double factor = FactorOf(std::max(std::fabs(low), std::fabs(high)), unit);
  const double rough = (high - low) / factor / 4;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  double step = power * 10;
  for (const double round : {1.0, 2.0, 5.0}) {
    if (power * round >= rough) {
      step = power * round;
      break;
    }
  }
  step *= factor;
  std::vector<double> ticks;
  const double first = std::floor(low / step + 1e-9);
  for (double at = first; ticks.empty() || ticks.back() < high - step * 1e-9; ++at) ticks.push_back(at * step);
  return ticks;
}

}  // namespace gofarm::dashboards
