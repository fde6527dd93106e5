// Rows of the index as catalog_landing keeps them: one after the other, each the length of path and version (two bytes
// each, little endian), both texts, and the microseconds since 1970 (eight bytes). Pure.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace gofarm::catalog {

inline void PackRow(std::string& out, std::string_view path, std::string_view version, int64_t micros) {
  const uint16_t lengths[2] = {static_cast<uint16_t>(path.size()), static_cast<uint16_t>(version.size())};
  out.append(reinterpret_cast<const char*>(lengths), sizeof(lengths));
  out.append(path);
  out.append(version);
  out.append(reinterpret_cast<const char*>(&micros), sizeof(micros));
}

// Calls each(path, version, micros) for every row. INTERNAL: the bytes are not what PackRow wrote.
template <typename Each>
absl::Status UnpackRows(std::string_view packed, Each each) {
  while (!packed.empty()) {
    uint16_t lengths[2];
    int64_t micros;
    if (packed.size() < sizeof(lengths)) return absl::InternalError("a landed page ends within a row");
    std::memcpy(lengths, packed.data(), sizeof(lengths));
    const size_t texts = size_t{lengths[0]} + lengths[1];
    if (packed.size() < sizeof(lengths) + texts + sizeof(micros)) {
      return absl::InternalError("a landed page ends within a row");
    }
    packed.remove_prefix(sizeof(lengths));
    std::memcpy(&micros, packed.data() + texts, sizeof(micros));
    each(packed.substr(0, lengths[0]), packed.substr(lengths[0], lengths[1]), micros);
    packed.remove_prefix(texts + sizeof(micros));
  }
  return absl::OkStatus();
}

}  // namespace gofarm::catalog
