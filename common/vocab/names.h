// Names of closed sets by their number; number 0 has the empty name and is parsed from none. Inside common/vocab only.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace gofarm {

template <size_t N>
std::string_view NameIn(const std::array<std::string_view, N>& names, int number) {
  return number >= 0 && static_cast<size_t>(number) < N ? names[static_cast<size_t>(number)] : "unknown";
}

template <typename Enum, size_t N>
std::optional<Enum> ParseIn(const std::array<std::string_view, N>& names, std::string_view name) {
  for (size_t i = 1; i < N; ++i) {
    if (names[i] == name) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

}  // namespace gofarm
