// Comparing what must not be guessed byte by byte. Pure.
#pragma once

#include <cstddef>
#include <string_view>

namespace gofarm {

// Takes as long for texts that differ in their first byte as for those that differ in their last.
inline bool EqualInConstantTime(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  volatile unsigned char different = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    different =
        static_cast<unsigned char>(different | (static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i])));
  }
  return different == 0;
}

}  // namespace gofarm
